/** Roles in a project. The dashboard hides actions that the API would reject. */

const RANKS = ["viewer", "member", "owner"];

/** Return true if the user has at least this role in the project. */
export const hasRole = (project, role) => RANKS.indexOf(project.role) >= RANKS.indexOf(role);

/** The roles that an owner can assign, as options of a Select. */
export const ROLE_OPTIONS = [
  { value: "viewer", label: "Viewer" },
  { value: "member", label: "Member" },
];
