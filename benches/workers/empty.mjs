// The floor of every answer: the cost of workerd without any code.
export default {
  fetch: () => new Response("{}", { headers: { "content-type": "application/json" } }),
};
