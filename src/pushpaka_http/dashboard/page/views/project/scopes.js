/** Which deployments see an env var. */
export const SCOPES = {
  all: { label: "All deployments", hint: "Production and previews" },
  production: { label: "Production", hint: "Before one for all" },
  preview: { label: "Previews", hint: "Before one for all" },
};

/** For a Select. */
export const SCOPE_OPTIONS = Object.entries(SCOPES).map(([value, { label, hint }]) => ({ value, label: `${label} (${hint.charAt(0).toLowerCase()}${hint.slice(1)})` }));
