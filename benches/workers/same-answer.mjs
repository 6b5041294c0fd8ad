// The floor of our /health: the same answer, with its headers, an id and a line in the log, but
// without the code before it.
const headers = {
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  vary: "origin, access-control-request-method, access-control-request-headers",
};

export default {
  fetch() {
    const id = crypto.randomUUID();
    console.log(JSON.stringify({ level: "INFO", message: "request", request_id: id, method: "GET", route: "/health", status: 200, code: "", reason: "" }));
    const body = JSON.stringify({ status: "ok", version: "0.1.0", timestamp: new Date().toISOString() });
    return new Response(body, { headers: { ...headers, "x-request-id": id } });
  },
};
