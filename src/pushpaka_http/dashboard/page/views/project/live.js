/** Keeps what is shown of deployments as they are, by the events that tell of their moves. */
import { useMoves } from "../../lib/events.js";

/**
 * @param {object} project whose deployments are meant
 * @param {object} list of useResource, a page of deployments: one that moves and is not among them
 *   has the page be read anew
 */
export function useLiveList(project, list) {
  const moved = (deployment) => {
    if (deployment.project_id !== project.id) return undefined;
    const isHere = list.data?.data.some(({ id }) => id === deployment.id);
    if (!isHere) return list.reload();
    const put = (each) => (each.id === deployment.id ? deployment : each);
    return list.set((page) => ({ ...page, data: page.data.map(put) }));
  };
  useMoves({ moved, readAnew: list.reload });
}
