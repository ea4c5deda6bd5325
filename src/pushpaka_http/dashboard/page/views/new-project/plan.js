/** What a deployment would do, who decided it, and why. */
import { count, hostOf, shortSha, subject, words } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge, Card, Prose, Skeleton } from "../../lib/ui.js";

const DECIDERS = {
  project: "your setting",
  "pushpaka.toml": "pushpaka.toml",
  Procfile: "Procfile",
  detected: "detected",
  default: "usual",
};

/** While the repository is looked at. */
export function Planning({ project }) {
  return html`
    <${Card} title="Plan" hint=${html`Fetching <code>${project.branch}</code> from ${hostOf(project.repo_url)}, and looking at its files …`}>
      <${Skeleton} lines=${4} height=${28} />
    <//>
  `;
}

/** @param {{plan: object}} props as the API answers to POST /projects/:id/plan */
export function Plan({ plan }) {
  return html`
    <${Card} title="Plan" isFlush hint=${html`Of <code>${shortSha(plan.commit_sha)}</code> ${subject(plan.commit_message)}, by ${plan.commit_author}`} actions=${html`<${Framework} plan=${plan} />`}>
      <dl class="plan-steps">${stepsOf(plan).map((step) => html`<${Step} key=${step.name} ...${step} />`)}</dl>
      <${Why} plan=${plan} />
    <//>
  `;
}

function Framework({ plan }) {
  const language = [words(plan.language), plan.language_version].filter(Boolean).join(" ");
  return html`
    <span class="row">
      <strong>${plan.framework}</strong>
      <${Badge}>${language}<//>
      ${plan.package_manager && html`<${Badge}>${[plan.package_manager, plan.package_manager_version].filter(Boolean).join(" ")}<//>`}
    </span>
  `;
}

function stepsOf(plan) {
  const { release, ...processes } = plan.processes;
  const settings = Object.entries(plan.settings).filter(([, { value, origin }]) => value !== null && origin !== "default");
  return [
    plan.directory && { name: "In", command: plan.directory, origin: "project" },
    plan.install && { name: "Install", ...plan.install },
    ...plan.build.map((step, at) => ({ name: at ? `Build ${at + 1}` : "Build", ...step })),
    release && { name: "Before the switch", ...release },
    ...Object.entries(processes).map(([name, step]) => ({ name: `Run ${name}`, ...step })),
    plan.static && { name: "Serve files of", command: plan.static.directory || ".", origin: plan.static.origin },
    plan.static?.fallback && { name: "Other addresses", command: plan.static.fallback, origin: plan.static.origin },
    ...settings.map(([name, { value, origin }]) => ({ name: words(name), command: `${value}${UNITS[name] ?? ""}`, origin })),
  ].filter(Boolean);
}

const UNITS = { health_check_timeout: " s", memory_limit: " MiB", cpu_limit: " cores" };

function Step({ name, command, origin }) {
  return html`
    <div>
      <dt>${name}</dt>
      <dd><code>${command}</code><span class="decider ${origin === "project" ? "yours" : ""}">${DECIDERS[origin] ?? origin}</span></dd>
    </div>
  `;
}

function Why({ plan }) {
  return html`
    <div class="why">
      <h3>Why</h3>
      <ul>
        ${plan.evidence.map(
          ({ reason, path, line }) => html`
            <li><span><${Prose} text=${reason} /></span>${path && html`<code>${path}${line ? `:${line}` : ""}</code>`}</li>
          `,
        )}
      </ul>
      ${
        plan.rejected.length > 0 &&
        html`<details>
          <summary>${count(plan.rejected.length, "other thing was", "other things were")} looked at</summary>
          <ul>${plan.rejected.map(({ framework, reason }) => html`<li><span>${framework}</span><span class="hint"><${Prose} text=${reason} /></span></li>`)}</ul>
        </details>`
      }
      <details>
        <summary>As the log will begin</summary>
        <pre tabindex="0">${plan.explanation.join("\n")}</pre>
      </details>
    </div>
  `;
}
