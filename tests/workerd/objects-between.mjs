// Replaces the binding of the objects of channels. Before each call it asks the test for the fault
// to inject, afterwards it reports the cost of the call. The class has the name of the platform's
// because the Worker checks the class name of its binding.
class DurableObjectNamespace {
  constructor(real, control) {
    this.real = real;
    this.control = control;
  }

  async report(message) {
    const answer = await this.control.fetch("http://control/", {
      method: "POST",
      body: JSON.stringify(message),
    });
    return answer.json();
  }

  getByName(object) {
    return { fetch: (request) => this.call(object, request) };
  }

  async call(object, request) {
    const body = await request.clone().text();
    const { mode, milliseconds } = await this.report({ kind: "object", call: `${object} ${body}` });
    if (mode === "hang") await new Promise((resume) => setTimeout(resume, milliseconds));
    if (mode === "before" || mode === "unreachable") throw new Error("Network connection lost.");
    const answer = await this.real.getByName(object).fetch(request);
    const rows = Number(answer.headers.get("x-rows-written"));
    if (rows > 0) await this.report({ kind: "object rows", rows });
    // The object has stored its answer. It never arrives.
    if (mode === "after") throw new Error("Network connection lost.");
    return answer;
  }
}

export default (env) => new DurableObjectNamespace(env.REAL, env.CONTROL);
