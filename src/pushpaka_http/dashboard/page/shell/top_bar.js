/** The navigation bar above all views. */
import { api } from "../lib/api.js";
import { html, useEffect } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { Link, navigate, useLocation } from "../lib/router.js";
import { session, useUser } from "../lib/session.js";
import { Badge, Menu, toast } from "../lib/ui.js";
import { Logo } from "./brand.js";

const PROJECT_PATHS = ["/projects", "/deployments", "/new"];

export function TopBar() {
  const { path } = useLocation();
  const user = useUser();
  const invitations = useResource("/invitations").data?.data ?? [];
  useEffect(() => {
    // The user may have become an administrator since the session started.
    api.get("/auth/me").then(session.update, () => {});
  }, []);

  const isBelow = (parents) => parents.some((parent) => path === parent || path.startsWith(`${parent}/`));
  const current = (isCurrent) => (isCurrent ? "page" : undefined);
  return html`
    <button type="button" class="skip" onClick=${() => document.getElementById("main").focus()}>Skip to content</button>
    <header class="top">
      <div class="bar">
        <${Link} to="/" class="brand" aria-label="Pushpaka"><${Logo} /><span>Pushpaka</span><//>
        <nav aria-label="Pushpaka">
          <${Link} to="/" aria-current=${current(path === "/" || isBelow(PROJECT_PATHS))}>Projects<//>
          ${user.role === "admin" && html`<${Link} to="/system" aria-current=${current(isBelow(["/system"]))}>System<//>`}
          ${
            invitations.length > 0 &&
            html`<${Link} to="/invitations" aria-current=${current(isBelow(["/invitations"]))}>
              Invitations <${Badge} tone="busy">${invitations.length}<//>
            <//>`
          }
        </nav>
        <${UserMenu} user=${user} />
      </div>
    </header>
  `;
}

function UserMenu({ user }) {
  const head = html`<p class="strong">${user.name}</p><p class="hint">${user.email}</p>`;
  const items = [
    { label: "Account", icon: "user", to: "/account" },
    { label: "Invitations", icon: "mail", to: "/invitations" },
    null,
    { label: "Sign out", icon: "out", onSelect: signOut },
  ];
  return html`<${Menu} label="Your account" head=${head} items=${items}><span class="avatar">${initials(user.name)}</span><//>`;
}

async function signOut() {
  try {
    await api.post("/auth/logout");
  } catch (error) {
    if (error.status !== 401) return toast.error(error);
  }
  session.end();
  return navigate("/sign-in", { replace: true });
}

function initials(name) {
  const parts = name.match(/[\p{L}\p{N}]+/gu) ?? [""];
  const letters = [parts[0], parts.length > 1 ? parts.at(-1) : ""].map((part) => [...part][0] ?? "");
  return letters.join("").toUpperCase();
}
