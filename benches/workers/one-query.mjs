// The lower bound for every answer that needs a query: one lookup of a session and its account in
// hamrah-api's own tables, with the row as JSON and without any check.
const SQL = `SELECT s.id, s.user_id, s.platform, s.created_at, s.expires_at, u.email, u.name, u.created_at AS user_created_at
  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = ?1`;

export default {
  async fetch(request, { DB }) {
    const row = await DB.prepare(SQL).bind(request.headers.get("x-token-hash")).first();
    return row ? Response.json(row) : new Response(null, { status: 404 });
  },
};
