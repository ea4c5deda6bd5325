import { version } from "../../version";

export function GET() {
  return Response.json({ status: "ok", version });
}
