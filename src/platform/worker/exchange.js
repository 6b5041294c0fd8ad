// Passes a request to wasm as one text, and a response to JavaScript as a whole. Each takes one
// call instead of many.

/** The most headers that are passed on: one more than the service accepts. */
const MOST_HEADERS = 101;

/**
 * Returns the method, the address, the country, then the name and the value of each header, one
 * line each. None can contain a line break (Fetch §2.2).
 */
export const read = (request) => {
  const { method } = request;
  // workerd parses the country when it is read. It is read only for methods that change state.
  const country = method === "GET" || method === "HEAD" ? "" : String(request.cf?.country ?? "");
  let lines = `${method}\n${request.url}\n${/^[A-Z0-9]{2}$/.test(country) ? country : ""}`;
  let count = 0;
  for (const [name, value] of request.headers) {
    if ((count += 1) > MOST_HEADERS) break;
    lines += `\n${name}\n${value}`;
  }
  return lines;
};

/**
 * Returns a response. `headers` has the form above. `body` lies in the memory of the module, which
 * changes, so the response contains a copy.
 */
export const answer = (status, headers, body) => {
  const lines = headers.split("\n");
  const pairs = [];
  for (let index = 0; index + 1 < lines.length; index += 2) {
    pairs.push([lines[index], lines[index + 1]]);
  }
  return new Response(body.length > 0 ? body.slice() : null, { status, headers: pairs });
};
