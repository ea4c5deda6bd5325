/** What somebody may do with a project, as the API decides it: what one may not is not offered. */

const RANKS = ["viewer", "member", "owner"];

/** Whether the reader of `project` has at least the role `needed`. */
export const may = (project, needed) => RANKS.indexOf(project.role) >= RANKS.indexOf(needed);

export const ROLES = {
  viewer: "Viewer: looks at everything but secrets",
  member: "Member: deploys, and changes settings and env vars",
};
