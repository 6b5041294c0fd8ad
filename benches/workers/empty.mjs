// The minimum cost of a response: a Worker that returns a constant body.
export default {
  fetch: () => new Response("{}", { headers: { "content-type": "application/json" } }),
};
