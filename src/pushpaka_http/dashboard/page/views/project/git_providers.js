/** How each Git provider and registry labels its webhook settings, and where they are. */
import { imageOf } from "../../lib/sources.js";

export const GIT_PROVIDERS = {
  github: {
    name: "GitHub",
    page: "/settings/hooks/new",
    menu: "Settings → Webhooks → Add webhook",
    fields: { url: "Payload URL", secret: "Secret" },
    contentType: "application/json",
    events: { pushes: "Just the push event", images: "Let me select individual events: Registry packages", previews: "Let me select individual events: Pushes, Pull requests" },
  },
  gitlab: {
    name: "GitLab",
    page: "/-/hooks",
    menu: "Settings → Webhooks → Add new webhook",
    fields: { url: "URL", secret: "Secret token" },
    events: { pushes: "Push events", previews: "Push events and merge request events" },
  },
  gitea: {
    name: "Gitea or Forgejo",
    page: "/settings/hooks",
    menu: "Settings → Webhooks → Add webhook",
    fields: { url: "Target URL", secret: "Secret" },
    contentType: "application/json",
    events: { pushes: "Push events", previews: "Custom events: Push, Delete, Pull request" },
  },
  bitbucket: {
    name: "Bitbucket",
    page: "/admin/webhooks",
    menu: "Repository settings → Webhooks → Add webhook",
    fields: { url: "URL", secret: "Secret" },
    events: { pushes: "Repository push", previews: "Repository push; Pull request created, updated, merged, declined" },
  },
  "docker-hub": {
    name: "Docker Hub",
    menu: "Webhooks",
    fields: { url: "Webhook URL" },
    events: {},
  },
  registry: {
    name: "Other registry",
    menu: "notifications.endpoints, in the registry's configuration",
    fields: { url: "url" },
    events: {},
  },
};

const REGISTRIES = { "docker.io": "docker-hub", "ghcr.io": "github" };

/** Return the senders of webhooks for a project. Registries, and GitHub for its own, report images. */
export function providersFor(repoUrl) {
  const isForImage = (key) => key === "github" || !GIT_PROVIDERS[key].fields.secret;
  const isForCommits = (key) => Boolean(GIT_PROVIDERS[key].fields.secret);
  return Object.keys(GIT_PROVIDERS).filter(imageOf(repoUrl) ? isForImage : isForCommits);
}

/** Return the URL of the page where the Git provider adds a webhook, or null if the repository URL does not reveal it. */
export function webhookPageOf(repoUrl, provider) {
  const { page } = GIT_PROVIDERS[provider];
  return page && /^https?:\/\//.test(repoUrl) ? repoUrl.replace(/\/?(\.git)?\/?$/, "") + page : null;
}

/** Guess the sender of webhooks from a repository URL. */
export function gitProviderOf(repoUrl) {
  const image = imageOf(repoUrl);
  if (image) return REGISTRIES[image.split("/")[0]] ?? "registry";
  const names = providersFor(repoUrl);
  return names.find((name) => repoUrl.toLowerCase().includes(name)) ?? (repoUrl.includes("codeberg.org") ? "gitea" : names[0]);
}
