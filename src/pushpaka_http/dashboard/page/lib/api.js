/**
 * The one place that speaks to the API.
 *
 *     const project = await api.get(`/projects/${id}`);
 *     await api.post("/deployments", { project_id: id });
 *     await api.get(`/deployments${query({ project_id: id, limit: 50 })}`, { signal });
 *
 * Paths are below /api/v1. What comes back is the parsed JSON; everything else is an ApiError.
 * A 401 to a token that was sent ends the session: the page goes to the sign-in and comes back.
 */
import { tellTime } from "./clock.js";
import { session } from "./session.js";

/** Where the API is, as `https://host/base/api/v1`. */
export const API = new URL("api/v1", document.baseURI).href;

/** What went wrong, in a sentence that can be shown as it is. */
export class ApiError extends Error {
  constructor({ status, code, error, details = [], retryAfter = null, requestId = null }) {
    super(retryAfter === null ? error : `${error} Try again in ${inSeconds(retryAfter)}.`);
    this.name = "ApiError";
    /** The status of HTTP, or 0 where no answer came at all. */
    this.status = status;
    /** The machine's word, as `not_found`. */
    this.code = code;
    /** The sentence alone, without when to try again. */
    this.error = error;
    /** @type {{field: string, message: string}[]} what is wrong with which field */
    this.details = details;
    /** @type {number | null} seconds to wait */
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Whether it makes sense to ask the same once more. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Each method takes a path, what is sent (not for `get`), and
 * `{signal, idempotencyKey}` where wanted.
 */
export const api = {
  get: (path, options) => request("GET", path, undefined, options),
  post: (path, body, options) => request("POST", path, body, options),
  put: (path, body, options) => request("PUT", path, body, options),
  patch: (path, body, options) => request("PATCH", path, body, options),
  delete: (path, body, options) => request("DELETE", path, body, options),
};

/** The query of an address, as `?a=1`, without what is null, undefined or empty. */
export function query(values) {
  const said = Object.entries(values).filter(([, value]) => (value ?? "") !== "");
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** The headers by which we are known; none while nobody has signed in. */
export function authorization() {
  const { token } = session.get();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function request(method, path, body, { signal, idempotencyKey } = {}) {
  const { token } = session.get();
  const headers = { Accept: "application/json", ...authorization() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const asked = { method, headers, signal, cache: "no-store", credentials: "omit" };
  if (body !== undefined) asked.body = JSON.stringify(body);
  const answer = await fetched(API + path, asked);
  tellTime(answer.headers.get("Date"));
  const said = await answer.json().catch((error) => unreadable(error, answer));
  if (answer.ok) return said;
  if (answer.status === 401 && token) session.expire(token);
  throw errorOf(answer, said);
}

/** The error that an answer of the API stands for; for who fetches a stream by himself. */
export function errorOf(answer, said) {
  return new ApiError({
    status: answer.status,
    code: said?.code ?? "unknown",
    error: said?.error ?? `The server answers ${answer.status} without a reason.`,
    details: said?.details ?? [],
    retryAfter: Number(answer.headers.get("Retry-After")) || null,
    requestId: said?.request_id ?? answer.headers.get("X-Request-ID"),
  });
}

/** Reading is tried twice: a connection may be lost just because a network came or went. */
async function fetched(address, asked) {
  const tries = asked.method === "GET" ? 2 : 1;
  for (let left = tries; ; left -= 1) {
    try {
      return await fetch(address, asked);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (left === 1) throw unreachable();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

function unreachable() {
  return new ApiError({
    status: 0,
    code: "unreachable",
    error: "The server cannot be reached. Look whether it runs and whether you are connected.",
  });
}

function unreadable(error, answer) {
  if (error.name === "AbortError") throw error;
  throw errorOf(answer, null);
}

function inSeconds(seconds) {
  if (seconds < 90) return seconds === 1 ? "a second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
