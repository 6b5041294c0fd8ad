// The floor of every answer: what workerd costs without any code.
export default {
  fetch: () => new Response("{}", { headers: { "content-type": "application/json" } }),
};
