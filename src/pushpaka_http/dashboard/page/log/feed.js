/** Brings the lines of a log: what there is by pages, then what comes by a WebSocket. */

import { api, API, query } from "../lib/api.js";
import { session } from "../lib/session.js";

const PAGE_LINES = 1000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const PAUSE_WHEN_CROWDED = 5000;

/** Why the server closes a log, as wire-contract names it. */
const Close = Object.freeze({ over: 1000, signedOut: 4401, foreign: 4403, gone: 4404, crowded: 4429 });

/**
 * How a feed stands.
 *
 * - `loading`: it reads what there is
 * - `live`: it is told of each line
 * - `lost`: the connection is gone, and is tried again
 * - `over`: the deployment is over, and all was read
 * - `refused`: it will not be tried again; `reason` says why
 *
 * @typedef {object} FeedState
 * @property {"loading" | "live" | "lost" | "over" | "refused"} name
 * @property {string} [reason] a sentence for the reader
 */

/** Follows one log from the line after the last one that was kept, however often it is interrupted. */
export class LogFeed {
  #id;
  #store;
  #onLines;
  #onState;
  #stopped = new AbortController();
  /** @type {WebSocket | null} */
  #socket = null;
  #timer = 0;
  #pause = FIRST_PAUSE;
  #isWhole = false;

  /**
   * @param {string} deploymentId
   * @param {import("./store.js").LogStore} store into which the lines go
   * @param {() => void} onLines
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
    window.addEventListener("online", () => this.#hurry(), { signal });
    window.addEventListener("offline", () => this.#drop(), { signal });
    this.#onState({ name: "loading" });
    this.#go();
  }

  stop() {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#close();
  }

  async #go() {
    try {
      while (!this.#isWhole) await this.#readPage();
      this.#listen();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #readPage() {
    const wanted = query({ after: this.#store.lastSeq, limit: PAGE_LINES });
    const { data } = await api.get(`/logs/${this.#id}${wanted}`, { signal: this.#stopped.signal });
    this.#take(data);
    this.#isWhole = data.length < PAGE_LINES;
  }

  #listen() {
    const address = new URL(`${API}/logs/${this.#id}/stream`);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = query({ token: session.get().token, after: String(this.#store.lastSeq) });
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => this.#onState({ name: "live" });
    socket.onmessage = ({ data }) => this.#take([JSON.parse(data)]);
    socket.onclose = ({ code }) => this.#closed(code);
  }

  /** @param {import("./store.js").Line[]} lines */
  #take(lines) {
    this.#pause = FIRST_PAUSE;
    this.#store.append(lines);
    this.#onLines();
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    if (code === Close.over) this.#onState({ name: "over" });
    else if (code === Close.signedOut) this.#signOut();
    else if (code === Close.gone) this.#refuse("This deployment is not there any more, or not yours to see.");
    else if (code === Close.foreign) this.#refuse("The server does not let pages of this address watch logs.");
    else if (code === Close.crowded) this.#retry("You watch too many logs at once. Close a tab to go on.", PAUSE_WHEN_CROWDED);
    else this.#retry("The connection was lost.");
  }

  #signOut() {
    const { token } = session.get();
    this.#refuse("Your session has ended.");
    if (token) session.expire(token);
  }

  /** @param {Error} error */
  #failed(error) {
    if (this.#stopped.signal.aborted) return;
    const { isPassing, retryAfter, message } = /** @type {import("../lib/api.js").ApiError} */ (error);
    if (isPassing) this.#retry(message, (retryAfter ?? 0) * 1000);
    else this.#refuse(message);
  }

  /** @param {string} reason */
  #refuse(reason) {
    this.#onState({ name: "refused", reason });
  }

  /**
   * @param {string} reason
   * @param {number} [least] milliseconds to wait
   */
  #retry(reason, least = 0) {
    this.#onState({ name: "lost", reason });
    const pause = Math.max(this.#pause * (0.8 + 0.4 * Math.random()), least);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#timer = window.setTimeout(() => this.#hurry(), pause);
  }

  /** Go on, if it waits for its turn. */
  #hurry() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#go();
  }

  /** Do not wait for a connection to time out over a network that is gone. */
  #drop() {
    if (!this.#socket) return;
    this.#close();
    this.#retry("You are not connected to a network.");
  }

  #close() {
    if (!this.#socket) return;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }
}
