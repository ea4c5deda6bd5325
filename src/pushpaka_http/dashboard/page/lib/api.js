/**
 * Requests to the API.
 *
 *     const project = await api.get(`/projects/${id}`);
 *     await api.post("/deployments", { project_id: id });
 *     await api.get(`/deployments${query({ project_id: id, limit: 50 })}`, { signal });
 *
 * Paths are relative to /api/v1. Bodies are sent as JSON, or as they are if they are Blobs. Methods
 * return the parsed JSON, or throw an ApiError.
 * A 401 response to a request with a token ends the session.
 */
import { syncClock } from "./clock.js";
import { session } from "./session.js";

/** The base URL of the API, such as `https://host/base/api/v1`. */
export const API = new URL("api/v1", document.baseURI).href;

/** A failed request. The message is a sentence for the user. */
export class ApiError extends Error {
  constructor({ status, code, error, details = [], retryAfter = null, requestId = null }) {
    super(retryAfter === null ? error : `${error} Try again in ${inSeconds(retryAfter)}.`);
    this.name = "ApiError";
    /** The HTTP status, or 0 without a response. */
    this.status = status;
    /** The error code, such as `not_found`. */
    this.code = code;
    /** The message without the retry delay. */
    this.error = error;
    /** @type {{field: string, message: string}[]} validation errors by field */
    this.details = details;
    /** @type {number | null} seconds to wait before the next attempt */
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Whether the same request may succeed later. */
  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** HTTP methods. The options are `{signal, idempotencyKey}`. */
export const api = {
  get: (path, options) => request("GET", path, undefined, options),
  post: (path, body, options) => request("POST", path, body, options),
  put: (path, body, options) => request("PUT", path, body, options),
  patch: (path, body, options) => request("PATCH", path, body, options),
  delete: (path, body, options) => request("DELETE", path, body, options),
  /** GET a file, and return it as a Blob. */
  download: (path) => request("GET", path, undefined, { isDownload: true }),
};

/** Return a query string such as `?a=1`, without values that are null, undefined or empty. */
export function query(values) {
  const entries = Object.entries(values).filter(([, value]) => (value ?? "") !== "");
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

async function request(method, path, body, { signal, idempotencyKey, isDownload = false } = {}) {
  const { token } = session.get();
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const isJson = body !== undefined && !(body instanceof Blob);
  if (isJson) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const options = { method, headers, signal, cache: "no-store", credentials: "omit" };
  if (body !== undefined) options.body = isJson ? JSON.stringify(body) : body;
  const response = await send(API + path, options);
  syncClock(response.headers.get("Date"));
  if (isDownload && response.ok) return response.blob().catch(() => Promise.reject(interrupted()));
  const content = await response.json().catch((error) => {
    throw error.name === "AbortError" ? error : errorOf(response, null);
  });
  if (response.ok) return content;
  if (response.status === 401 && token) session.expire(token);
  throw errorOf(response, content);
}

/** Return the ApiError for a response and its parsed body. */
export function errorOf(response, content) {
  return new ApiError({
    status: response.status,
    code: content?.code ?? "unknown",
    error: content?.error ?? `The server responded with status ${response.status} and no error message.`,
    details: content?.details ?? [],
    retryAfter: Number(response.headers.get("Retry-After")) || null,
    requestId: content?.request_id ?? response.headers.get("X-Request-ID"),
  });
}

function interrupted() {
  return new ApiError({ status: 0, code: "interrupted", error: "The download was interrupted. Check your connection, and try again." });
}

/** Try a GET twice: a change of network breaks connections that are fine a moment later. */
async function send(url, options) {
  const attempts = options.method === "GET" ? 2 : 1;
  for (let left = attempts; ; left -= 1) {
    try {
      return await fetch(url, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (left === 1) {
        const message = "The server cannot be reached. Check your connection, and make sure that the server is running.";
        throw new ApiError({ status: 0, code: "unreachable", error: message });
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

function inSeconds(seconds) {
  if (seconds < 90) return seconds === 1 ? "a second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
