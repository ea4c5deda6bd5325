/** The settings of a project, by what they are about; each is a field of PATCH /projects/:id. */

const number = { type: "number", inputmode: "numeric" };

/**
 * `planned` says where a plan tells what holds while a field is empty: the part of it, or the name
 * of a setting of how it is run.
 */
export const GROUPS = [
  {
    title: "Project",
    effect: "A new repository or branch is taken up by the next deployment.",
    fields: [
      { name: "name", label: "Name", required: true, maxlength: 100, hint: "The address stays as it is." },
      { name: "repo_url", label: "Repository", required: true, isMono: true, hint: "Its git token is forgotten where the repository moves to another server." },
      { name: "branch", label: "Branch", required: true, isMono: true, hint: "Pushes to it go to production." },
      { name: "root_dir", label: "Directory", isOptional: true, isMono: true, placeholder: "the repository itself", hint: "Where the application lies in the repository, as in apps/web." },
      { name: "auto_deploy", label: "Deploy each push", isChoice: true, hint: "By a webhook: see Hooks. Without it, pushes are told of and nothing follows." },
    ],
  },
  {
    title: "Build",
    effect: "It takes effect with the next deployment.",
    fields: [
      { name: "framework", label: "Framework", isOptional: true, isMono: true, planned: (plan) => plan.framework },
      { name: "install_command", label: "Install command", isOptional: true, isMono: true, planned: (plan) => plan.install?.command },
      { name: "build_command", label: "Build command", isOptional: true, isMono: true, planned: (plan) => plan.build.map(({ command }) => command).join(" && ") },
    ],
  },
  {
    title: "Run",
    effect: "Another number of instances is taken up at once, all else by the next deployment.",
    fields: [
      { name: "start_command", label: "Start command", isOptional: true, isMono: true, planned: (plan) => plan.processes.web?.command },
      { name: "port", label: "Port", ...number, min: 1, max: 65535, hint: "In a container; the application is told it as PORT." },
      { name: "replicas", label: "Instances", ...number, min: 1, max: 100 },
      { name: "health_check_path", label: "Health check", isOptional: true, isMono: true, placeholder: "/", hint: "A path that answers 2xx or 3xx when all is well. Without one, any answer below 500 will do.", planned: setting("health_check_path") },
      { name: "health_check_timeout", label: "Time to start", ...number, min: 1, max: 900, suffix: "s", hint: "Until the first good answer." },
      { name: "cpu_limit", label: "CPU limit", type: "number", inputmode: "decimal", step: "any", min: 0.05, suffix: "cores", isOptional: true, placeholder: "none", planned: setting("cpu_limit") },
      { name: "memory_limit", label: "Memory limit", ...number, min: 16, suffix: "MiB", isOptional: true, placeholder: "none", planned: setting("memory_limit") },
    ],
  },
];

function setting(name) {
  return (plan) => plan.settings[name]?.value;
}
