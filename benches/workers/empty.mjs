// The minimum cost of a response: workerd without any code.
export default {
  fetch: () => new Response("{}", { headers: { "content-type": "application/json" } }),
};
