/** Loads the lines of a log: first the stored lines by page, then new lines over a WebSocket. */

import { API, api, query } from "../lib/api.js";
import { session } from "../lib/session.js";

const PAGE_LINES = 1000;
const FIRST_DELAY = 500;
const MAX_DELAY = 15_000;
const DELAY_AFTER_TOO_MANY = 5000;

/** The close codes of the server. */
const CloseCode = Object.freeze({ complete: 1000, signedOut: 4401, wrongOrigin: 4403, notFound: 4404, tooMany: 4429 });

/**
 * The state of a feed.
 *
 * - `loading`: reads the stored lines
 * - `live`: receives new lines
 * - `lost`: reconnects
 * - `complete`: the deployment has ended, and all lines are loaded
 * - `failed`: does not reconnect
 *
 * @typedef {object} FeedState
 * @property {"loading" | "live" | "lost" | "complete" | "failed"} name
 * @property {string} [reason] a message for the user
 */

/** Follows a log. After an interruption it continues with the line after the last stored one. */
export class LogFeed {
  #id;
  #store;
  #onLines;
  #onState;
  #stopped = new AbortController();
  #socket = null;
  #timer = 0;
  #delay = FIRST_DELAY;
  #hasStoredLines = false;

  /**
   * @param {string} deploymentId
   * @param {import("./store.js").LogStore} store
   * @param {() => void} onLines called after lines were added to the store
   * @param {(state: FeedState) => void} onState
   */
  constructor(deploymentId, store, onLines, onState) {
    this.#id = deploymentId;
    this.#store = store;
    this.#onLines = onLines;
    this.#onState = onState;
  }

  start() {
    const { signal } = this.#stopped;
    window.addEventListener("online", () => this.#reconnect(), { signal });
    window.addEventListener("offline", () => this.#onOffline(), { signal });
    this.#onState({ name: "loading" });
    this.#connect();
  }

  stop() {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#closeSocket();
  }

  async #connect() {
    try {
      while (!this.#hasStoredLines) await this.#loadPage();
      this.#listen();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      const { isTransient, retryAfter, message } = error;
      if (isTransient) this.#retry(message, (retryAfter ?? 0) * 1000);
      else this.#fail(message);
    }
  }

  async #loadPage() {
    const page = query({ after: this.#store.lastSeq, limit: PAGE_LINES });
    const { data } = await api.get(`/logs/${this.#id}${page}`, { signal: this.#stopped.signal });
    this.#append(data);
    this.#hasStoredLines = data.length < PAGE_LINES;
  }

  #listen() {
    const url = new URL(`${API}/logs/${this.#id}/stream`);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = query({ token: session.get().token, after: String(this.#store.lastSeq) });
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => this.#onState({ name: "live" });
    socket.onmessage = ({ data }) => this.#append([JSON.parse(data)]);
    socket.onclose = ({ code }) => this.#onClose(code);
  }

  #append(lines) {
    this.#delay = FIRST_DELAY;
    this.#store.append(lines);
    this.#onLines();
  }

  #onClose(code) {
    this.#socket = null;
    if (code === CloseCode.complete) this.#onState({ name: "complete" });
    else if (code === CloseCode.signedOut) this.#onSignedOut();
    else if (code === CloseCode.notFound) this.#fail("This deployment was not found. It may have been deleted.");
    else if (code === CloseCode.wrongOrigin) this.#fail("The server does not allow this address to stream logs. Ask the operator to add the address to PUSHPAKA_ALLOWED_ORIGINS.");
    else if (code === CloseCode.tooMany) this.#retry("Too many logs are open at once. Close another tab.", DELAY_AFTER_TOO_MANY);
    else this.#retry("The connection was lost.");
  }

  #onSignedOut() {
    const { token } = session.get();
    this.#fail("Your session has ended.");
    if (token) session.expire(token);
  }

  #fail(reason) {
    this.#onState({ name: "failed", reason });
  }

  #retry(reason, minDelay = 0) {
    this.#onState({ name: "lost", reason });
    const delay = Math.max(this.#delay * (0.8 + 0.4 * Math.random()), minDelay);
    this.#delay = Math.min(this.#delay * 2, MAX_DELAY);
    this.#timer = window.setTimeout(() => this.#reconnect(), delay);
  }

  /** Connect now, if a retry is scheduled. */
  #reconnect() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#connect();
  }

  /** Close at once, because the connection would time out only much later. */
  #onOffline() {
    if (!this.#socket) return;
    this.#closeSocket();
    this.#retry("You are offline.");
  }

  #closeSocket() {
    if (!this.#socket) return;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }
}
