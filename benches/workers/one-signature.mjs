// The lower bound for refusing a forged token: WebCrypto verifies one invalid Ed25519 signature.
const MESSAGE = new Uint8Array(500);
let key, signature;

export default {
  async fetch() {
    if (!key) {
      const [ours, theirs] = await Promise.all([1, 2].map(() => crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])));
      signature = await crypto.subtle.sign("Ed25519", theirs.privateKey, MESSAGE);
      key = ours.publicKey;
    }
    const ok = await crypto.subtle.verify("Ed25519", key, signature, MESSAGE);
    return new Response("{}", { status: ok ? 500 : 200, headers: { "content-type": "application/json" } });
  },
};
