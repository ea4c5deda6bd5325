/**
 * Client-side routing.
 *
 *     html`<${Link} to=${`/projects/${project.id}`}>${project.name}<//>`
 *     navigate("/new");
 *
 * Paths are relative to the mount point of the dashboard, and start with "/".
 */
import { html, useEffect } from "./html.js";
import { observable, useObservable } from "./observable.js";

const BASE = new URL(document.baseURI).pathname.replace(/\/$/, "");

const location = observable(currentLocation());

window.addEventListener("popstate", () => location.set(currentLocation()));

/**
 * Go to another path of the dashboard.
 *
 * @param {string} to such as "/projects/1#L5"
 * @param {{replace?: boolean}} options replace: replace the current entry of the history
 */
export function navigate(to, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", BASE + to);
  else history.pushState(null, "", BASE + to);
  const before = location.get().path;
  location.set(currentLocation());
  if (!replace && location.get().path !== before) window.scrollTo(0, 0);
}

/** Return the `href` of a path. */
export const hrefOf = (to) => BASE + to;

/** @returns {{path: string, query: URLSearchParams, hash: string}} */
export const useLocation = () => useObservable(location);

/** A link within the dashboard. */
export function Link({ to, onClick, ...more }) {
  const go = (event) => {
    onClick?.(event);
    const isPlainClick = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (event.defaultPrevented || !isPlainClick || more.target) return;
    event.preventDefault();
    navigate(to);
  };
  return html`<a href=${hrefOf(to)} onClick=${go} ...${more} />`;
}

/** Set the title of the window. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Pushpaka` : "Pushpaka";
  }, [title]);
}

/**
 * Return the first of `routes` whose `pattern`, such as "/projects/:id/env", matches a path.
 *
 * @returns {{route: object, params: Record<string, string>} | null}
 */
export function match(routes, path) {
  for (const route of routes) {
    const params = paramsOf(route.pattern, path);
    if (params) return { route, params };
  }
  return null;
}

function paramsOf(pattern, path) {
  const expected = pattern.split("/");
  const actual = path.split("/");
  if (expected.length !== actual.length) return null;
  const params = {};
  for (const [index, part] of expected.entries()) {
    if (part.startsWith(":") && actual[index]) params[part.slice(1)] = actual[index];
    else if (part !== actual[index]) return null;
  }
  return params;
}

function currentLocation() {
  const { pathname, search, hash } = window.location;
  const path = pathname.slice(BASE.length).replace(/(.)\/+$/, "$1") || "/";
  return { path, query: new URLSearchParams(search), hash };
}
