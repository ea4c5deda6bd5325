/** The page: finds the view of its address, and sees that who looks has signed in where needed. */
import { html, useEffect, useErrorBoundary, useRef, useState } from "../lib/html.js";
import { match, navigate, usePlace } from "../lib/router.js";
import { useSession } from "../lib/session.js";
import { Button, Empty, Problem, Skeleton, Toasts } from "../lib/ui.js";
import { ROUTES } from "../routes.js";
import { Connection } from "./connection.js";
import { Top } from "./top.js";

/** Views that are loaded, by the names of their routes. */
const loaded = new Map();

export function Page() {
  const place = usePlace();
  const { token } = useSession();
  const found = match(ROUTES, place.path);
  const elsewhere = redirection(found, place, token);

  useEffect(() => {
    if (elsewhere) navigate(elsewhere, { replace: true });
  }, [elsewhere]);

  if (elsewhere) return null;
  const isOpen = found?.route.isOpen;
  const view = found ? html`<${View} ...${found} place=${place} />` : html`<${Nowhere} />`;
  if (isOpen) return html`${view}<${Toasts} />`;
  return html`<${Top} /><${Main} name=${keyOf(found)}>${view}<//><${Toasts} /><${Connection} />`;
}

/** Return where else one has to be at this address, signed in or not; null: here. */
function redirection(found, place, token) {
  if (!found) return token ? null : "/sign-in";
  if (found.route.isOpen) return token ? afterwards(place) : null;
  if (token) return null;
  const back = place.path + (place.query.size ? `?${place.query}` : "") + place.hash;
  return back === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(back)}`;
}

/** Only to views of this page: whoever made the link may have written anything into it. */
function afterwards({ query }) {
  const next = query.get("next") ?? "/";
  const known = match(ROUTES, next.split(/[?#]/, 1)[0]);
  return known && !known.route.isOpen ? next : "/";
}

/** The place of the view, which is where the keyboard goes on after a step to another one. */
function Main({ name, children }) {
  const main = useRef(null);
  const shown = useRef(name);
  useEffect(() => {
    const isInside = main.current.contains(document.activeElement);
    if (shown.current !== name && !isInside) main.current.focus({ preventScroll: true });
    shown.current = name;
  }, [name]);
  return html`<main id="main" tabindex="-1" ref=${main}>${children}</main>`;
}

/** A view, once it is loaded; what was there before stays until then. */
function View({ route, params, place }) {
  const [, setCount] = useState(0);
  const [problem, setProblem] = useState(null);
  const last = useRef(null);

  useEffect(() => {
    setProblem(null);
    if (loaded.has(route.name)) return;
    route.load().catch(route.load).then(
      (module) => {
        loaded.set(route.name, module.default);
        setCount((count) => count + 1);
      },
      (error) => setProblem(error),
    );
  }, [route.name]);

  if (problem) return html`<${Outdated} />`;
  const Loaded = loaded.get(route.name);
  if (!Loaded) return last.current ?? html`<${Skeleton} lines=${3} height=${40} />`;
  const key = keyOf({ route, params });
  last.current = html`<${Guarded} key=${key}><${Loaded} params=${{ ...route.params, ...params }} place=${place} /><//>`;
  return last.current;
}

/** A fault of one view leaves the others alone. */
function Guarded({ children }) {
  const [error] = useErrorBoundary((fault) => console.error(fault));
  if (!error) return children;
  const retry = () => window.location.reload();
  return html`<${Problem} title="This view has failed." error=${error} retry=${retry} />`;
}

/** The files of a version are gone when the server has a newer one. */
function Outdated() {
  return html`
    <${Empty} title="This view could not be loaded" icon="refresh" action=${html`<${Button} kind="primary" onClick=${() => window.location.reload()}>Load the page again<//>`}>
      The server cannot be reached, or has a newer version of this page.
    <//>
  `;
}

function Nowhere() {
  return html`
    <${Empty} title="There is nothing at this address" icon="search" action=${html`<${Button} to="/">Go to the projects<//>`}>
      What was here may have been deleted, or the address has a mistake.
    <//>
  `;
}

const keyOf = (found) => (found ? `${found.route.name}:${found.params.id ?? ""}` : "nowhere");
