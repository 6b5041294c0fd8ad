// Replaces the binding of the objects of channels in the counting pass. It reports each call with
// its statements and rows, which counted-objects.mjs adds to the answer. The class has the name of
// the platform's because workers-rs checks the name.
class DurableObjectNamespace {
  constructor({ REAL, CONTROL }) {
    this.real = REAL;
    this.control = CONTROL;
  }

  getByName(object) {
    return { fetch: (request) => this.call(object, request) };
  }

  async call(object, request) {
    const answer = await this.real.getByName(object).fetch(request);
    const count = (name) => Number(answer.headers.get(`x-${name}`));
    const cost = { objectCalls: 1, objectStatements: count("statements"), objectRowsRead: count("rows-read"), objectRowsWritten: count("rows-written") };
    await this.control.fetch("http://control/", { method: "POST", body: JSON.stringify(cost) });
    return answer;
  }
}

export default (env) => new DurableObjectNamespace(env);
