// Stands in for the D1 binding: asks before every batch what shall happen, tells afterwards what it cost, and enforces
// limits of D1 that Miniflare does not. The Worker casts its binding by the class's name.
const MAX_PARAMETERS = 100;

class D1PreparedStatement {
  constructor(sql, params = []) {
    this.sql = sql;
    this.params = params;
  }

  bind(...params) {
    if (params.length > MAX_PARAMETERS) throw new Error("D1_ERROR: too many SQL variables: SQLITE_ERROR");
    if (params.some((param) => param === undefined)) throw new Error("D1_TYPE_ERROR: Type 'undefined' not supported");
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

  async tell(message) {
    const answer = await this.control.fetch("http://control/", { method: "POST", body: JSON.stringify(message) });
    return answer.json();
  }

  prepare(sql) {
    return new D1PreparedStatement(sql);
  }

  async batch(statements) {
    const step = await this.tell({ kind: "before", statements: statements.length });
    if (step.mode === "hang") await new Promise((resume) => setTimeout(resume, step.milliseconds));
    if (step.mode === "before") throw new Error(step.message);
    const prepared = statements.map(({ sql, params }) => this.real.prepare(sql).bind(...params));
    // A statement that fails while it runs: the batch must roll back whole.
    if (step.mode === "within") prepared.splice(step.statement, 0, this.real.prepare("SELECT json('{') AS broken"));
    let results;
    try {
      results = await this.real.batch(prepared);
    } catch (error) {
      if (step.mode === "within") throw new Error(step.message);
      throw error;
    }
    const sum = (name) => results.reduce((total, { meta }) => total + (meta?.[name] ?? 0), 0);
    await this.tell({ kind: "after", rowsRead: sum("rows_read"), rowsWritten: sum("rows_written") });
    if (step.mode === "after") throw new Error(step.message);
    return results;
  }
}

export default (env) => new D1Database(env.REAL, env.CONTROL);
