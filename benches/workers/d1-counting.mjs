// Replaces the D1 binding in the counting pass. It reports D1's `meta` and the answer of every
// round trip. Unlike the class of the tests (d1-between.mjs), it has all methods that better-auth
// needs, but no `withSession`. The classes have D1's names because workers-rs checks the names.
class D1PreparedStatement {
  constructor(database, real, sql, params = []) {
    this.database = database;
    this.real = real;
    this.asked = { sql, params };
  }

  bind(...params) {
    return new D1PreparedStatement(this.database, this.real.bind(...params), this.asked.sql, params);
  }

  async all() {
    const result = await this.real.all();
    await this.database.tell([this], [result]);
    return result;
  }

  run() {
    return this.all();
  }

  async first(column) {
    const row = (await this.all()).results[0] ?? null;
    return row && column !== undefined ? row[column] : row;
  }

  async raw({ columnNames = false } = {}) {
    const { results } = await this.all();
    const rows = results.map((row) => Object.values(row));
    return columnNames ? [Object.keys(results[0] ?? {}), ...rows] : rows;
  }
}

class D1Database {
  constructor({ REAL, CONTROL }) {
    this.real = REAL;
    this.control = CONTROL;
  }

  async tell(statements, results) {
    const sum = (name) => results.reduce((total, { meta }) => total + (meta?.[name] ?? 0), 0);
    const cost = { roundTrips: 1, statements: results.length, rowsRead: sum("rows_read"), rowsWritten: sum("rows_written") };
    const answers = statements.map(({ asked }, at) => ({ ...asked, rows: results[at].results ?? [] }));
    await this.control.fetch("http://control/", { method: "POST", body: JSON.stringify({ ...cost, answers }) });
  }

  prepare(sql) {
    return new D1PreparedStatement(this, this.real.prepare(sql), sql);
  }

  async batch(statements) {
    const results = await this.real.batch(statements.map(({ real }) => real));
    await this.tell(statements, results);
    return results;
  }

  // No Worker calls `exec`. It exists because better-auth recognises D1 by its methods.
  exec() {
    throw new Error("exec is not counted");
  }
}

export default (env) => new D1Database(env);
