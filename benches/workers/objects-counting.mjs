// Replaces the binding of the objects of channels in the counting pass, and reports each call. The
// class has the name of the platform's because workers-rs checks the names.
class DurableObjectNamespace {
  constructor({ REAL, CONTROL }) {
    this.real = REAL;
    this.control = CONTROL;
  }

  getByName(object) {
    return {
      fetch: async (request) => {
        await this.control.fetch("http://control/", { method: "POST", body: JSON.stringify({ objectCalls: 1 }) });
        return this.real.getByName(object).fetch(request);
      },
    };
  }
}

export default (env) => new DurableObjectNamespace(env);
