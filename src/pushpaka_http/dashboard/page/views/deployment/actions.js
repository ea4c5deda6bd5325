/** What can be done with a deployment, as buttons beside its name. */
import { html, useState } from "../../lib/html.js";
import { remember } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { Button, isFinal } from "../../lib/ui.js";
import { useVerbs } from "../project/verbs.js";

const MAIN = new Set(["retry", "promote", "start"]);

/**
 * @param {{deployment: object, project: object, show: (deployment: object) => unknown,
 *   readAnew: () => unknown}} props `show` puts a newer state of the deployment in place;
 *   `readAnew` is called when it stands otherwise than was thought
 */
export function Actions({ deployment, project, show, readAnew }) {
  const [isCancelling, setIsCancelling] = useState(false);
  const onDone = (answer) => (answer.id === deployment.id ? show(answer) : goTo(answer));
  const { offered, dialog } = useVerbs({ project, onDone });

  const cancel = async (select) => {
    setIsCancelling(true);
    try {
      await select();
    } catch (error) {
      setIsCancelling(false);
      readAnew();
      throw error;
    }
  };
  const buttons = offered(deployment).map(({ name, label, word, icon, isDangerous, onSelect }) => {
    const kind = isDangerous ? "danger" : MAIN.has(name) ? "primary" : "plain";
    const isCancel = name === "cancel";
    return html`
      <${Button} key=${name} ...${{ kind, icon }} title=${label} isBusy=${isCancel && isCancelling && !isFinal(deployment.status)} onClick=${isCancel ? () => cancel(onSelect) : onSelect}>
        ${word}
      <//>
    `;
  });
  return html`${buttons}${dialog}`;
}

function goTo(deployment) {
  remember(`/deployments/${deployment.id}`, deployment);
  navigate(`/deployments/${deployment.id}`);
}
