/**
 * What a view shows of the API: loaded when it is first looked at, and shown at once afterwards.
 *
 *     const projects = useResource("/projects");
 *     if (projects.error) return html`<${Problem} error=${projects.error} retry=${projects.reload} />`;
 *     if (!projects.data) return html`<${Skeleton} lines=${3} />`;
 */
import { api } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { session } from "./session.js";

/** What was seen last, by its path, for who comes back to a view. */
const seen = new Map();

/** Those who show a path now: what one of them learns the others show as well. */
const shown = new Map();

session.watch(({ token }) => token || seen.clear());

/**
 * Load `path`, and again when it changes; null loads nothing.
 *
 * @param {string | null} path
 * @returns {{data: any, error: ApiError | null, isLoading: boolean,
 *   reload: () => Promise<void>, set: (data: any) => void}}
 *   `data` is undefined until it is there, and stays while it is loaded again; an `error` of
 *   loading again stands beside it. `reload` asks again. `set` puts an answer that is known
 *   already (or a function of the data) in its place.
 */
export function useResource(path) {
  const [state, setState] = useState(() => begun(path));
  const current = useRef(null);

  const set = useCallback(
    (data) => {
      current.current?.abort(); // What was asked before this was known is older.
      remember(path, typeof data === "function" ? data(seen.get(path)) : data);
      setState((before) => ({ ...before, isLoading: false }));
    },
    [path],
  );

  useEffect(() => {
    const show = (data) => setState((before) => ({ ...before, path, data, error: null }));
    const others = shown.get(path) ?? new Set();
    shown.set(path, others.add(show));
    return () => others.delete(show);
  }, [path]);

  const reload = useCallback(async () => {
    if (path === null) return;
    current.current?.abort();
    const asking = new AbortController();
    current.current = asking;
    setState((before) => ({ ...(before.path === path ? before : begun(path)), isLoading: true }));
    try {
      remember(path, await api.get(path, { signal: asking.signal }));
      setState((before) => ({ ...before, isLoading: false }));
    } catch (error) {
      if (asking.signal.aborted) return;
      setState((before) => ({ ...before, error, isLoading: false }));
    }
  }, [path]);

  useEffect(() => {
    reload();
    return () => current.current?.abort();
  }, [reload]);

  const { data, error, isLoading } = state.path === path ? state : begun(path);
  return { data, error, isLoading, reload, set };
}

/** Put in place what `path` would answer, as what was just made. */
export function remember(path, data) {
  seen.set(path, data);
  for (const show of [...(shown.get(path) ?? [])]) show(data);
}

function begun(path) {
  return { path, data: seen.get(path), error: null, isLoading: path !== null };
}
