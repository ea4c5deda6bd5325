import { env } from "$env/dynamic/private";

const version = "v1";

export function load() {
  return { version, sender: env.SENDER ?? "nobody" };
}

export const actions = {
  default: async ({ request }) => {
    const form = await request.formData();
    return { text: String(form.get("text")).slice(0, 200) };
  },
};
