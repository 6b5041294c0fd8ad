// Replaces a D1 that has a replica. The replica is a second database, which the test updates when
// it wants. Reads of an unconstrained session go to the replica. Everything else goes to the
// primary, as does every session that starts at a bookmark. Each session is reported to the test.
class D1PreparedStatement {
  constructor(sql, params = []) {
    this.sql = sql;
    this.params = params;
  }

  bind(...params) {
    return new D1PreparedStatement(this.sql, params);
  }
}

const run = (database, statements) =>
  database.batch(statements.map(({ sql, params }) => database.prepare(sql).bind(...params)));

class D1Database {
  constructor(env, from) {
    this.env = env;
    this.from = from;
  }

  prepare(sql) {
    return new D1PreparedStatement(sql);
  }

  async batch(statements) {
    const from = this.from ?? "no session";
    await this.env.TELL.fetch("http://tell/", { method: "POST", body: from });
    if (from.startsWith("ffffffff")) throw new Error("D1_ERROR: a bookmark from the future");
    const reads = statements.every(({ sql }) => /^\s*(SELECT|WITH)\b/i.test(sql));
    return run(
      from === "first-unconstrained" && reads ? this.env.REPLICA : this.env.REAL,
      statements,
    );
  }

  withSession(from) {
    return new D1Database(this.env, from);
  }

  getBookmark() {
    return "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
  }
}

export default (env) => new D1Database(env);
