/** The root component: selects the view for the path, and requires a session where one is needed. */
import { html, useEffect, useErrorBoundary, useRef } from "../lib/html.js";
import { ModuleFailed, useModule } from "../lib/modules.js";
import { match, navigate, useLocation } from "../lib/router.js";
import { useSession } from "../lib/session.js";
import { Button, Empty, Problem, Skeleton, Toasts } from "../lib/ui.js";
import { ROUTES } from "../routes.js";
import { Connection } from "./connection.js";
import { TopBar } from "./top_bar.js";

export function App() {
  const location = useLocation();
  const { token } = useSession();
  const found = match(ROUTES, location.path);
  const redirect = redirectionOf(found, location, token);

  useEffect(() => {
    if (redirect) navigate(redirect, { replace: true });
  }, [redirect]);

  if (redirect) return null;
  const view = found ? html`<${View} ...${found} location=${location} />` : html`<${NotFound} />`;
  if (found?.route.isPublic) return html`${view}<${Toasts} />`;
  return html`<${TopBar} /><${Main} name=${keyOf(found)}>${view}<//><${Toasts} /><${Connection} />`;
}

/** Return the path to redirect to, or null. */
function redirectionOf(found, location, token) {
  if (!found) return token ? null : "/sign-in";
  if (found.route.isPublic) return token ? requestedPath(location) : null;
  if (token) return null;
  const requested = location.path + (location.query.size ? `?${location.query}` : "") + location.hash;
  return requested === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(requested)}`;
}

/** Only paths of the dashboard: a crafted link could name any URL. */
function requestedPath({ query }) {
  const next = query.get("next") ?? "/";
  const found = match(ROUTES, next.split(/[?#]/, 1)[0]);
  return found && !found.route.isPublic ? next : "/";
}

/** The main element, which receives the focus after a change of the view. */
function Main({ name, children }) {
  const main = useRef(null);
  const shown = useRef(name);
  useEffect(() => {
    const hasFocus = main.current.contains(document.activeElement);
    if (shown.current !== name && !hasFocus) main.current.focus({ preventScroll: true });
    shown.current = name;
  }, [name]);
  return html`<main id="main" tabindex="-1" ref=${main}>${children}</main>`;
}

/** The view of a route. The previous view stays until its module is loaded. */
function View({ route, params, location }) {
  const previous = useRef(null);
  const { Loaded, isFailed } = useModule(route.name, route.load);
  if (isFailed) return html`<${ModuleFailed} />`;
  if (!Loaded) return previous.current ?? html`<${Skeleton} lines=${3} height=${40} />`;
  const view = html`<${Loaded} params=${{ ...route.params, ...params }} location=${location} />`;
  previous.current = html`<${ErrorBoundary} key=${keyOf({ route, params })}>${view}<//>`;
  return previous.current;
}

function ErrorBoundary({ children }) {
  const [error] = useErrorBoundary((problem) => console.error(problem));
  if (!error) return children;
  return html`<${Problem} title="Something went wrong." error=${error} retry=${() => window.location.reload()} />`;
}

function NotFound() {
  return html`
    <${Empty} title="Page not found" icon="search" action=${html`<${Button} to="/">Go to projects<//>`}>
      The page may have been deleted, or the address may be wrong.
    <//>
  `;
}

const keyOf = (found) => (found ? `${found.route.name}:${found.params.id ?? ""}` : "not-found");
