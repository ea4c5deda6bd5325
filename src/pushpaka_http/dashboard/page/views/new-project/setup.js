/** A project before its first deployment: the repository or image, the plan, and the deploy button. */
import { api } from "../../lib/api.js";
import { html, useCallback, useEffect, useRef, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { imageOf } from "../../lib/sources.js";
import { Button, Card, DescriptionList, PageHead, Problem, Skeleton, toast, useDialog } from "../../lib/ui.js";
import { DeployKey } from "./deploy-key.js";
import { MissingVariables } from "./env.js";
import { Overrides } from "./overrides.js";
import { Plan, PlanSkeleton } from "./plan.js";
import { RepositoryForm, isSsh } from "./repository.js";

export function Setup({ id }) {
  const project = useResource(`/projects/${id}`);
  const plan = usePlan(id);
  const needsKey = project.data && isSsh(project.data.repo_url);
  const isImage = project.data && imageOf(project.data.repo_url) !== null;
  const isPlanned = useRef(false);

  useEffect(() => {
    // A repository over SSH cannot be read before the user has added the deploy key. An image has no plan.
    if (!project.data || needsKey || isImage || isPlanned.current) return;
    isPlanned.current = true;
    plan.create();
  }, [project.data, needsKey, isImage]);

  if (project.error && !project.data) return html`<${Problem} error=${project.error} retry=${project.reload} />`;
  if (!project.data) return html`<${Skeleton} lines=${4} height=${56} />`;

  const path = [{ to: "/", label: "Projects" }, { to: `/projects/${id}`, label: project.data.name }];
  const change = async (changes) => {
    const changed = await api.patch(`/projects/${id}`, changes);
    project.set(changed);
    if (!imageOf(changed.repo_url) && (!needsKey || plan.data || plan.error)) plan.create();
  };
  return html`
    <${PageHead} title=${project.data.name} path=${path} here="First deployment" />
    <div class="stack loose">
      <${Repository} project=${project.data} onChange=${change} />
      ${needsKey && html`<${DeployKey} id=${id} isUsed=${Boolean(plan.data)} isBusy=${plan.isLoading} onAdded=${plan.create} />`}
      ${!isImage && html`<${Planning} id=${id} project=${project.data} plan=${plan} onChange=${change} />`}
      <${DeployBar} project=${project.data} plan=${plan} isReady=${isImage || Boolean(plan.data)} />
    </div>
  `;
}

function Planning({ id, project, plan, onChange }) {
  return html`
    ${plan.isLoading && html`<${PlanSkeleton} project=${project} />`}
    ${plan.error && html`<${PlanFailed} error=${plan.error} retry=${plan.create} />`}
    ${plan.data && html`<${Plan} plan=${plan.data} /><${MissingVariables} id=${id} env=${plan.data.env} onSet=${plan.create} />`}
    ${(plan.last || plan.error) && html`<${Overrides} project=${project} plan=${plan.last} onChange=${onChange} />`}
  `;
}

/** Return the plan of a project and a function that creates it; `last` is the latest successful plan. */
function usePlan(id) {
  const [state, setState] = useState({ data: null, error: null, isLoading: false, last: null });
  const request = useRef(null);
  useEffect(() => () => request.current?.abort(), []);
  const create = useCallback(async () => {
    request.current?.abort();
    const controller = new AbortController();
    request.current = controller;
    setState(({ last }) => ({ data: null, error: null, isLoading: true, last }));
    try {
      const data = await api.post(`/projects/${id}/plan`, undefined, { signal: controller.signal });
      setState({ data, error: null, isLoading: false, last: data });
    } catch (error) {
      if (controller.signal.aborted) return;
      setState(({ last }) => ({ data: null, error, isLoading: false, last }));
    }
  }, [id]);
  return { ...state, create };
}

function Repository({ project, onChange }) {
  const [isEditing, setIsEditing] = useState(false);
  const submit = async (changes) => {
    await onChange(changes);
    setIsEditing(false);
  };
  if (isEditing) {
    return html`
      <${Card} title="Source">
        <${RepositoryForm} project=${project} action="Save" onSubmit=${submit}>
          <${Button} onClick=${() => setIsEditing(false)}>Cancel<//>
        <//>
      <//>
    `;
  }
  const access = isSsh(project.repo_url) ? "Deploy key" : project.has_git_token && "Access token";
  const image = imageOf(project.repo_url);
  const items = image
    ? [
        ["Image", html`<code>${image}</code>`],
        ["Access", project.has_registry_credentials && "Registry credentials"],
      ]
    : [
        ["URL", html`<code>${project.repo_url}</code>`],
        ["Branch", html`<code>${project.branch}</code>`],
        ["Directory", project.root_dir && html`<code>${project.root_dir}</code>`],
        ["Access", access],
      ];
  return html`
    <${Card} title=${image ? "Image" : "Repository"} actions=${html`<${Button} size="small" onClick=${() => setIsEditing(true)}>Edit<span class="unseen"> the ${image ? "image" : "repository"}</span><//>`}>
      <${DescriptionList} items=${items} />
    <//>
  `;
}

function PlanFailed({ error, retry }) {
  return html`
    <${Problem} title="The plan could not be created." error=${error} retry=${retry}>
      ${error.code === "plan_failed" && html`<p>Correct the repository, the build settings or your code, and try again.</p>`}
    <//>
  `;
}

/** The bar with the deploy button, which stays visible while the page scrolls. */
function DeployBar({ project, plan, isReady }) {
  const { dialog, confirm } = useDialog();
  const [error, setError] = useState(null);
  const key = useRef(newKey());
  const missing = plan.data?.env.missing ?? [];

  const deploy = async () => {
    setError(null);
    try {
      const deployment = await api.post("/deployments", { project_id: project.id }, { idempotencyKey: key.current });
      navigate(`/deployments/${deployment.id}`, { replace: true });
    } catch (problem) {
      setError(problem);
    }
  };
  const remove = async () => {
    await api.delete(`/projects/${project.id}`);
    toast.success(`${project.name} was deleted.`);
    navigate("/", { replace: true });
  };
  const askRemove = () =>
    confirm({
      title: "Delete this project?",
      action: "Delete",
      text: `${project.name} has never been deployed. Its settings and environment variables will be deleted. Your repository will not be changed.`,
      onConfirm: remove,
    });
  return html`
    ${error && html`<${Problem} title="The deployment could not be started." error=${error} />`}
    <div class="deploy-bar">
      <p class="hint">${missing.length ? `Set ${missing.join(", ")} first.` : "You can leave this page and come back later. The project stays in your list."}</p>
      ${project.status === "inactive" && html`<${Button} kind="quiet" onClick=${askRemove}>Delete project<//>`}
      <${Button} kind="primary" disabled=${!isReady || missing.length > 0} onClick=${deploy}>Deploy<//>
    </div>
    ${dialog}
  `;
}

/** Return an idempotency key, so that a repeated request creates only one deployment. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
