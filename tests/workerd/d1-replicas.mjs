// Stands in for a D1 with a replica that lags as far behind as the test likes: a second database. What a session may read from it, it reads
// from it; everything else, and every session that begins at a bookmark, is the primary's. Which sessions were opened is told outside.
class D1PreparedStatement {
  constructor(sql, params = []) {
    this.sql = sql;
    this.params = params;
  }

  bind(...params) {
    return new D1PreparedStatement(this.sql, params);
  }
}

const run = (database, statements) => database.batch(statements.map(({ sql, params }) => database.prepare(sql).bind(...params)));

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
    return run(from === "first-unconstrained" && reads ? this.env.REPLICA : this.env.REAL, statements);
  }

  withSession(from) {
    return new D1Database(this.env, from);
  }

  getBookmark() {
    return "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
  }
}

export default (env) => new D1Database(env);
