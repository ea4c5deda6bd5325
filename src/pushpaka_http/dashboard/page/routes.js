/**
 * The views, by their addresses; each module is loaded when it is first looked at.
 *
 * A view is the default export of its module: a component that is given `{params, place}`, the
 * parts of the address that a pattern names, and `{path, query, hash}` as usePlace() returns it.
 * `isOpen` lets in who has not signed in. The server knows the same addresses
 * (`dashboard/pages.py`).
 */
const project = (pattern, tab) => ({
  pattern,
  name: "project",
  params: { tab },
  load: () => import("./views/project.js"),
});

export const ROUTES = [
  { pattern: "/", name: "projects", load: () => import("./views/projects.js") },
  { pattern: "/sign-in", name: "sign-in", isOpen: true, load: () => import("./views/sign-in.js") },
  { pattern: "/register", name: "register", isOpen: true, load: () => import("./views/register.js") },
  { pattern: "/new", name: "new", load: () => import("./views/new-project.js") },
  project("/projects/:id", "overview"),
  ...["deployments", "env", "domains", "settings", "hooks", "members"].map((tab) =>
    project(`/projects/:id/${tab}`, tab),
  ),
  { pattern: "/deployments/:id", name: "deployment", load: () => import("./views/deployment.js") },
  { pattern: "/account", name: "account", load: () => import("./views/account.js") },
  { pattern: "/system", name: "system", load: () => import("./views/system.js") },
  { pattern: "/invitations", name: "invitations", load: () => import("./views/invitations.js") },
];
