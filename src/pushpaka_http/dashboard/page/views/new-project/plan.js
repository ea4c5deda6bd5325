/** A deployment plan: the steps, where each comes from, and why. */
import { count, firstLine, hostOf, shortSha, words } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge, Card, Prose, Skeleton } from "../../lib/ui.js";

const ORIGINS = { project: "your setting", default: "default" };

const UNITS = { health_check_timeout: " s", rollback_window: " s", memory_limit: " MiB", cpu_limit: " cores" };

export function PlanSkeleton({ project }) {
  return html`
    <${Card} title="Plan" hint=${html`Fetching <code>${project.branch}</code> from ${hostOf(project.repo_url)}…`}>
      <${Skeleton} lines=${4} height=${28} />
    <//>
  `;
}

/** @param {{plan: object}} props the response to POST /projects/:id/plan */
export function Plan({ plan }) {
  const hint = html`For <code>${shortSha(plan.commit_sha)}</code> ${firstLine(plan.commit_message)}, by ${plan.commit_author}`;
  return html`
    <${Card} title="Plan" isFlush hint=${hint} actions=${html`<${Framework} plan=${plan} />`}>
      <dl class="plan-steps">${stepsOf(plan).map((step) => html`<${Step} key=${step.name} ...${step} />`)}</dl>
      <${Evidence} plan=${plan} />
    <//>
  `;
}

function Framework({ plan }) {
  const version = (...parts) => html`<${Badge}>${parts.filter(Boolean).join(" ")}<//>`;
  return html`
    <span class="row">
      <strong>${plan.framework}</strong>
      ${version(words(plan.language), plan.language_version)}
      ${plan.package_manager && version(plan.package_manager, plan.package_manager_version)}
    </span>
  `;
}

function stepsOf(plan) {
  const { release, ...processes } = plan.processes;
  const settings = Object.entries(plan.settings).filter(([, { value, origin }]) => value !== null && origin !== "default");
  return [
    plan.directory && { name: "Directory", command: plan.directory, origin: "project" },
    plan.install && { name: "Install", ...plan.install },
    ...plan.build.map((step, index) => ({ name: index ? `Build ${index + 1}` : "Build", ...step })),
    release && { name: "Release", ...release },
    ...Object.entries(processes).map(([name, step]) => ({ name: `Run ${name}`, ...step })),
    plan.static && { name: "Serve files from", command: plan.static.directory || ".", origin: plan.static.origin },
    plan.static?.fallback && { name: "Fallback", command: plan.static.fallback, origin: plan.static.origin },
    ...settings.map(([name, { value, origin }]) => ({ name: words(name), command: `${value}${UNITS[name] ?? ""}`, origin })),
  ].filter(Boolean);
}

function Step({ name, command, origin }) {
  return html`
    <div>
      <dt>${name}</dt>
      <dd><code>${command}</code><span class="decider ${origin === "project" ? "yours" : ""}">${ORIGINS[origin] ?? origin}</span></dd>
    </div>
  `;
}

function Evidence({ plan }) {
  const reason = ({ reason: text, path, line }) => html`
    <li><span><${Prose} text=${text} /></span>${path && html`<code>${path}${line ? `:${line}` : ""}</code>`}</li>
  `;
  const rejection = ({ framework, reason: text }) => html`<li><span>${framework}</span><span class="hint"><${Prose} text=${text} /></span></li>`;
  return html`
    <div class="why">
      <h3>Why</h3>
      <ul>${plan.evidence.map(reason)}</ul>
      ${
        plan.rejected.length > 0 &&
        html`<details>
          <summary>${count(plan.rejected.length, "alternative")} considered</summary>
          <ul>${plan.rejected.map(rejection)}</ul>
        </details>`
      }
      <details>
        <summary>In the log</summary>
        <pre tabindex="0">${plan.explanation.join("\n")}</pre>
      </details>
    </div>
  `;
}
