// A relay in memory, for tests in which clients exchange messages. It follows the wire of the real
// one as far as the tests need, and breaks connections where a test asks for it.
import { randomUUID } from "node:crypto";

const json = (body) => Response.json(body);
const frame = (type, payload) => JSON.stringify(payload ? { type, payload } : { type });

export class MemoryRelay {
  accounts = new Map();
  channels = new Map();
  /** The bodies that the relay has seen. */
  stored = [];
  connections = 0;
  sockets = new Set();
  #tickets = new Map();
  #breaks;

  /** `breaks` is asked at each frame, in both directions, whether the connection breaks there. */
  constructor({ breaks = () => false } = {}) {
    this.#breaks = breaks;
    const relay = this;
    /** The class for the clients. */
    this.WebSocket = class {
      onmessage = null;
      onclose = null;
      onerror = null;
      #last = new Map();
      #isOpen = true;
      constructor(url) {
        const ticket = new URL(url).searchParams.get("ticket");
        this.account = relay.#tickets.get(ticket);
        relay.#tickets.delete(ticket);
        relay.connections += 1;
        setImmediate(() => {
          if (!this.account) return this.#end(1006);
          relay.sockets.add(this);
          relay.channels.forEach((channel) => this.join(channel));
          const hello = { session_id: "s", heartbeat_interval_ms: 30_000, prekeys_left: 0 };
          this.write("Hello", hello);
        });
      }
      /** Direct messages arrive without a subscription. */
      join(channel) {
        if (!this.reads(channel)) return;
        channel.sockets.add(this);
        this.#last.set(channel, channel.log.length);
      }
      reads(channel) {
        return channel.members.includes(this.account.id);
      }
      write(type, payload) {
        setImmediate(() => {
          if (!this.#isOpen) return;
          if (relay.#breaks()) return this.#end(1006);
          this.onmessage?.({ data: frame(type, payload) });
        });
      }
      send(text) {
        setImmediate(() => {
          if (!this.#isOpen) return;
          // A frame that is lost with its connection, or one of which only the answer is lost.
          if (relay.#breaks()) return this.#end(1006);
          this.#take(JSON.parse(text));
          if (relay.#breaks()) this.#end(1006);
        });
      }
      close() {
        this.#isOpen = false;
        relay.sockets.delete(this);
        relay.channels.forEach((channel) => channel.sockets.delete(this));
      }
      #end(code) {
        this.close();
        this.onclose?.({ code, reason: "" });
      }
      #take({ type, payload }) {
        if (type === "Ping") return this.write("Pong");
        const channel = relay.channels.get(payload.channel_id);
        if (!channel || !this.reads(channel)) {
          const { ref } = payload;
          return this.write("Error", { code: "channel_not_found", message: "m", ref });
        }
        if (type === "SendMessage") {
          const { message, isNew } = relay.append(channel, payload);
          const { ref, client_id } = payload;
          this.write("MessageAck", { message_id: message.id, seq: message.seq, client_id, ref });
          if (isNew) relay.deliver(channel);
        } else if (type === "Subscribe") {
          // Like the real one: a subscription that exists keeps its place.
          if (!channel.sockets.has(this)) {
            channel.sockets.add(this);
            this.#last.set(channel, payload.since ?? channel.log.length);
          }
          this.pull(channel);
          this.write("Subscribed", { channel_id: channel.id, head: channel.log.length });
        } else if (type === "Unsubscribe") channel.sockets.delete(this);
      }
      pull(channel) {
        const last = this.#last.get(channel);
        for (const message of channel.log.slice(last)) this.write("NewMessage", message);
        this.#last.set(channel, channel.log.length);
      }
    };
  }

  fetch = async (request) => {
    const path = new URL(request.url).pathname.replace("/api/v1", "");
    const [, first, id, last] = path.split("/");
    const body = request.method === "POST" ? JSON.parse((await request.text()) || "{}") : undefined;
    if (path === "/auth/register") return json(this.#register(body));
    const token = request.headers.get("Authorization")?.replace("Bearer ", "");
    const account = [...this.accounts.values()].find((account) => account.token === token);
    if (!account) return new Response(null, { status: 401 });
    if (path === "/ws/ticket") {
      const ticket = randomUUID();
      this.#tickets.set(ticket, account);
      return json({ ticket, expires_in: 30 });
    }
    if (path === "/dm" && request.method === "POST")
      return json({ id: this.channel([account.id, body.target_user_id]).id });
    const own = () => [...this.channels.values()].filter((it) => it.members.includes(account.id));
    if (path === "/dm") return json(own().map(({ id }) => ({ id })));
    if (first === "users" && last === "keys") return json(this.accounts.get(id).bundle);
    return new Response(null, { status: 404 });
  };

  /** Makes an account without a request. */
  #register({ username, identity_key, signed_prekey, signed_prekey_signature }) {
    const account = { id: randomUUID(), token: randomUUID(), username };
    account.bundle = {
      identity_key,
      signed_prekey,
      signed_prekey_sig: signed_prekey_signature,
      one_time_prekey: null,
      signed_prekey_age_days: 0,
    };
    this.accounts.set(account.id, account);
    return { access_token: account.token, user: { id: account.id, username } };
  }

  /** Makes a direct message, or returns the one of these members. */
  channel(members) {
    const same = [...this.channels.values()].find((channel) =>
      members.every((id) => channel.members.includes(id)),
    );
    if (same) return same;
    const channel = { id: randomUUID(), members, log: [], sockets: new Set() };
    this.channels.set(channel.id, channel);
    for (const socket of this.sockets) socket.join(channel);
    return channel;
  }

  append(channel, { client_id, encrypted_body, sender_token }) {
    const known = channel.log.find((message) => message.client_id === client_id);
    if (known) return { message: known, isNew: false };
    const message = {
      id: randomUUID(),
      channel_id: channel.id,
      client_id,
      encrypted_body,
      sender_token,
      seq: channel.log.length + 1,
    };
    channel.log.push(message);
    this.stored.push(encrypted_body);
    return { message, isNew: true };
  }

  deliver(channel) {
    for (const socket of channel.sockets) socket.pull(channel);
  }
}
