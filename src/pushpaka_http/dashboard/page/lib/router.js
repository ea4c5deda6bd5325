/**
 * Which view is shown: the addresses of the page, and how one gets from one to another.
 *
 *     html`<${Link} to=${`/projects/${project.id}`}>${project.name}<//>`
 *     navigate("/new");
 *
 * Addresses are below where the page is mounted, so `to` always begins with "/".
 */
import { cell, useCell } from "./cell.js";
import { html, useEffect } from "./html.js";

const BASE = new URL(document.baseURI).pathname.replace(/\/$/, "");

const place = cell(here());

window.addEventListener("popstate", () => place.set(here()));

/**
 * Go to another address of the page.
 *
 * @param {string} to as "/projects/1#L5"
 * @param {{replace?: boolean}} options replace: the one that is left is not gone back to
 */
export function navigate(to, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", BASE + to);
  else history.pushState(null, "", BASE + to);
  const before = place.get().path;
  place.set(here());
  if (!replace && place.get().path !== before) window.scrollTo(0, 0);
}

/** The address for the browser of `to`, for who needs a plain link. */
export const hrefOf = (to) => BASE + to;

/** @returns {{path: string, query: URLSearchParams, hash: string}} where the page is now */
export const usePlace = () => useCell(place);

/** A link within the page, that the browser may also open in a tab of its own. */
export function Link({ to, onClick, ...more }) {
  const go = (event) => {
    onClick?.(event);
    const isOurs = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (event.defaultPrevented || !isOurs || more.target) return;
    event.preventDefault();
    navigate(to);
  };
  return html`<a href=${hrefOf(to)} onClick=${go} ...${more} />`;
}

/** Call the window by what it shows. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Pushpaka` : "Pushpaka";
  }, [title]);
}

/**
 * Find the route of a path among `routes`, each with a `pattern` as "/projects/:id/env".
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
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params = {};
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith(":") && given[at]) params[part.slice(1)] = given[at];
    else if (part !== given[at]) return null;
  }
  return params;
}

function here() {
  const { pathname, search, hash } = window.location;
  const path = pathname.slice(BASE.length).replace(/(.)\/+$/, "$1") || "/";
  return { path, query: new URLSearchParams(search), hash };
}
