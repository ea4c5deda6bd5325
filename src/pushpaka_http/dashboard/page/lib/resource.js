/**
 * Data of the API, cached by path: a view that opens again shows the last data at once.
 *
 *     const projects = useResource("/projects");
 *     if (projects.error) return html`<${Problem} error=${projects.error} retry=${projects.reload} />`;
 *     if (!projects.data) return html`<${Skeleton} lines=${3} />`;
 */
import { api } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { session } from "./session.js";

const cache = new Map();

/** The setters of mounted components by path: an update of one component updates all of them. */
const mounted = new Map();

session.subscribe(({ token }) => token || cache.clear());

/**
 * Load `path`, and load it again when it changes. null loads nothing.
 *
 * @param {string | null} path
 * @returns {{data: any, error: ApiError | null, isLoading: boolean,
 *   reload: () => Promise<void>, set: (data: any) => void}}
 *   `data` is undefined until it is loaded, and stays while it is reloaded or when that fails.
 *   `set` replaces the data by a value, or by the result of a function of the data.
 */
export function useResource(path) {
  const [state, setState] = useState(() => initialState(path));
  const request = useRef(null);

  const set = useCallback(
    (data) => {
      request.current?.abort(); // The response would be older than this data.
      cacheResource(path, typeof data === "function" ? data(cache.get(path)) : data);
      setState((before) => ({ ...before, isLoading: false }));
    },
    [path],
  );

  useEffect(() => {
    const show = (data) => setState((before) => ({ ...before, path, data, error: null }));
    const others = mounted.get(path) ?? new Set();
    mounted.set(path, others.add(show));
    return () => others.delete(show);
  }, [path]);

  const reload = useCallback(async () => {
    if (path === null) return;
    request.current?.abort();
    const controller = new AbortController();
    request.current = controller;
    setState((before) => ({ ...(before.path === path ? before : initialState(path)), isLoading: true }));
    try {
      cacheResource(path, await api.get(path, { signal: controller.signal }));
      setState((before) => ({ ...before, isLoading: false }));
    } catch (error) {
      if (controller.signal.aborted) return;
      setState((before) => ({ ...before, error, isLoading: false }));
    }
  }, [path]);

  useEffect(() => {
    reload();
    return () => request.current?.abort();
  }, [reload]);

  const { data, error, isLoading } = state.path === path ? state : initialState(path);
  return { data, error, isLoading, reload, set };
}

/** Store the data of `path`, such as an entity that was just created. */
export function cacheResource(path, data) {
  cache.set(path, data);
  for (const show of [...(mounted.get(path) ?? [])]) show(data);
}

function initialState(path) {
  return { path, data: cache.get(path), error: null, isLoading: path !== null };
}
