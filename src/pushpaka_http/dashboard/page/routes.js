/**
 * The routes. The modules of views are loaded on first use.
 *
 * A view is the default export of its module: a component with the properties `params`, the
 * variables of the pattern, and `location`, as useLocation() returns it. Routes with `isPublic`
 * need no session. The server has the same list in `dashboard/pages.py`.
 */
const project = (pattern, tab) => ({
  pattern,
  name: "project",
  params: { tab },
  load: () => import("./views/project.js"),
});

export const ROUTES = [
  { pattern: "/", name: "projects", load: () => import("./views/projects.js") },
  { pattern: "/sign-in", name: "sign-in", isPublic: true, load: () => import("./views/sign-in.js") },
  { pattern: "/register", name: "register", isPublic: true, load: () => import("./views/register.js") },
  { pattern: "/new", name: "new", load: () => import("./views/new-project.js") },
  project("/projects/:id", "overview"),
  ...["deployments", "logs", "env", "storage", "domains", "integrations", "members", "settings"].map((tab) =>
    project(`/projects/:id/${tab}`, tab),
  ),
  { pattern: "/deployments/:id", name: "deployment", load: () => import("./views/deployment.js") },
  { pattern: "/account", name: "account", load: () => import("./views/account.js") },
  { pattern: "/system", name: "system", load: () => import("./views/system.js") },
  { pattern: "/invitations", name: "invitations", load: () => import("./views/invitations.js") },
];
