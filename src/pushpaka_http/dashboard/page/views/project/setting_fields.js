/** The fields of the settings page. Each is a field of PATCH /projects/:id. */
import { imageOf } from "../../lib/sources.js";

const number = { type: "number", inputmode: "numeric" };

export const HEALTH_CHECKS = [
  { value: "http", label: "HTTP: responds to a request" },
  { value: "tcp", label: "TCP: accepts connections" },
  { value: "none", label: "None: process is running" },
];

const NAME = { name: "name", label: "Name", required: true, maxlength: 100, hint: "Changing the name does not change the address." };

/** The fields of a project that deploys an image, in place of those of a repository. */
const IMAGE_GROUP = {
  title: "Project",
  hint: "The next deployment uses this image.",
  fields: [
    NAME,
    { name: "repo_url", label: "Image", required: true, isMono: true, hint: "Moving to another registry deletes the credentials." },
    { name: "auto_deploy", label: "Deploy on push", isCheckbox: true, hint: "Requires a webhook. Add one under Integrations." },
  ],
};

/** `planned` returns the value from a plan that applies while the field is empty. */
const GROUPS = [
  {
    title: "Project",
    hint: "A new repository or branch applies to the next deployment.",
    fields: [
      NAME,
      { name: "repo_url", label: "Repository", required: true, isMono: true, hint: "Moving the repository to another server deletes the Git token." },
      { name: "branch", label: "Branch", required: true, isMono: true, hint: "This branch is deployed to production." },
      { name: "root_dir", label: "Directory", isOptional: true, isMono: true, placeholder: "root of the repository", hint: "The directory of the application, such as apps/web." },
      { name: "auto_deploy", label: "Deploy on push", isCheckbox: true, hint: "Requires a webhook. Add one under Integrations." },
    ],
  },
  {
    title: "Build",
    hint: "Changes apply to the next deployment.",
    fields: [
      { name: "framework", label: "Framework", isOptional: true, isMono: true, planned: (plan) => plan.framework },
      { name: "install_command", label: "Install command", isOptional: true, isMono: true, planned: (plan) => plan.install?.command },
      { name: "build_command", label: "Build command", isOptional: true, isMono: true, planned: (plan) => plan.build.map(({ command }) => command).join(" && ") },
    ],
  },
  {
    title: "Run",
    hint: "The number of instances changes immediately. Other changes apply to the next deployment.",
    fields: [
      { name: "start_command", label: "Start command", isOptional: true, isMono: true, planned: (plan) => plan.processes.web?.command },
      { name: "port", label: "Port", ...number, min: 1, max: 65535, hint: "The port inside the container, passed as PORT." },
      { name: "replicas", label: "Instances", ...number, min: 1, max: 100 },
      { name: "cpu_limit", label: "CPU limit", type: "number", inputmode: "decimal", step: "any", min: 0.05, suffix: "cores", isOptional: true, placeholder: "none", planned: setting("cpu_limit") },
      { name: "memory_limit", label: "Memory limit", ...number, min: 16, suffix: "MiB", isOptional: true, placeholder: "none", planned: setting("memory_limit") },
    ],
  },
  {
    title: "Health checks",
    hint: "Changes apply to the next deployment.",
    fields: [
      { name: "health_check", label: "Health check", options: HEALTH_CHECKS, hint: "The check runs before traffic switches, and every 10 s afterward." },
      { name: "health_check_path", label: "Health check path", isOptional: true, isMono: true, placeholder: "/", hint: "Must respond with 2xx or 3xx when the application is healthy. If empty, any status below 500 on / is accepted.", planned: setting("health_check_path") },
      { name: "health_check_timeout", label: "Start timeout", ...number, min: 1, max: 900, suffix: "s", hint: "Maximum time until the first successful health check." },
      { name: "rollback_window", label: "Rollback window", ...number, min: 0, max: 600, suffix: "s", hint: "If a deployment breaks within this time after traffic switches, it is rolled back. 0 disables automatic rollbacks." },
    ],
  },
];

/** Return the groups of fields for a project. An image is not built. */
export function groupsOf(project) {
  return imageOf(project.repo_url) ? [IMAGE_GROUP, ...GROUPS.filter(({ title }) => title !== "Project" && title !== "Build")] : GROUPS;
}

function setting(name) {
  return (plan) => plan.settings[name]?.value;
}
