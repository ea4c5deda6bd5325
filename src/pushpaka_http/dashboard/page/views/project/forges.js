/** What each forge calls the things that it is given, and where. */

export const FORGES = {
  github: {
    name: "GitHub",
    page: "/settings/hooks/new",
    where: "Settings, Webhooks, Add webhook",
    fields: { url: "Payload URL", secret: "Secret" },
    more: "Content type: application/json",
    events: { pushes: "Just the push event", previews: "Let me select individual events: pushes, and pull requests" },
  },
  gitlab: {
    name: "GitLab",
    page: "/-/hooks",
    where: "Settings, Webhooks, Add new webhook",
    fields: { url: "URL", secret: "Secret token" },
    events: { pushes: "Push events", previews: "Push events and merge request events" },
  },
  gitea: {
    name: "Gitea or Forgejo",
    page: "/settings/hooks",
    where: "Settings, Webhooks, Add webhook",
    fields: { url: "Target URL", secret: "Secret" },
    more: "Content type: application/json",
    events: { pushes: "Push events", previews: "Custom events: push, delete and pull request" },
  },
  bitbucket: {
    name: "Bitbucket",
    page: "/admin/webhooks",
    where: "Repository settings, Webhooks, Add webhook",
    fields: { url: "URL", secret: "Secret" },
    events: { pushes: "Repository push", previews: "Repository push; pull request created, updated, merged and declined" },
  },
};

/** The page of the forge where a webhook is added; null where the repository's address tells none. */
export function pageOf(repoUrl, provider) {
  if (!/^https?:\/\//.test(repoUrl)) return null;
  return repoUrl.replace(/\/?(\.git)?\/?$/, "") + FORGES[provider].page;
}

/** Which forge a repository probably lies on. */
export function likelyForge(repoUrl) {
  const names = Object.keys(FORGES);
  return names.find((name) => repoUrl.toLowerCase().includes(name)) ?? (repoUrl.includes("codeberg.org") ? "gitea" : names[0]);
}
