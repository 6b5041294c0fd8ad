// Replaces the D1 binding. Before each batch it asks the test for the fault to inject, afterwards
// it reports the batch's cost. It enforces limits of D1 that Miniflare does not. The classes have
// D1's names because the Worker checks the class name of its binding.
const MAX_PARAMETERS = 100;

class D1PreparedStatement {
  constructor(sql, params = []) {
    this.sql = sql;
    this.params = params;
  }

  bind(...params) {
    if (params.length > MAX_PARAMETERS)
      throw new Error("D1_ERROR: too many SQL variables: SQLITE_ERROR");
    if (params.some((param) => param === undefined))
      throw new Error("D1_TYPE_ERROR: Type 'undefined' not supported");
    return new D1PreparedStatement(this.sql, params);
  }
}

class D1Database {
  constructor(real, control) {
    this.real = real;
    this.control = control;
  }

  withSession(from) {
    return new D1Database(this.real.withSession(from), this.control);
  }

  getBookmark() {
    return this.real.getBookmark();
  }

  async report(message) {
    const answer = await this.control.fetch("http://control/", {
      method: "POST",
      body: JSON.stringify(message),
    });
    return answer.json();
  }

  prepare(sql) {
    return new D1PreparedStatement(sql);
  }

  async batch(statements) {
    const step = await this.report({ kind: "before", statements: statements.length });
    if (step.mode === "hang") await new Promise((resume) => setTimeout(resume, step.milliseconds));
    if (step.mode === "before") throw new Error(step.message);
    const prepared = statements.map(({ sql, params }) => this.real.prepare(sql).bind(...params));
    // This statement fails while the batch runs, so the whole batch must roll back.
    if (step.mode === "within")
      prepared.splice(step.statement, 0, this.real.prepare("SELECT json('{') AS broken"));
    let results;
    try {
      results = await this.real.batch(prepared);
    } catch (error) {
      if (step.mode === "within") throw new Error(step.message);
      throw error;
    }
    const sum = (name) => results.reduce((total, { meta }) => total + (meta?.[name] ?? 0), 0);
    await this.report({
      kind: "after",
      rowsRead: sum("rows_read"),
      rowsWritten: sum("rows_written"),
    });
    if (step.mode === "after") throw new Error(step.message);
    return results;
  }
}

export default (env) => new D1Database(env.REAL, env.CONTROL);
