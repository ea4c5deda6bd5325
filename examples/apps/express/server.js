import express from "express";

const version = "v1";
const title = process.env.GUESTBOOK_TITLE ?? "Guestbook";
const entries = [];

const app = express();
app.set("view engine", "ejs");
app.use(express.static("public"));
app.use(express.urlencoded({ extended: false }));

app.get("/", (request, response) => {
  response.render("index", { title, version, entries, commit: process.env.APP_COMMIT });
});

app.post("/entries", (request, response) => {
  entries.unshift(String(request.body.text).slice(0, 200));
  response.redirect("/");
});

app.get("/health", (request, response) => {
  response.json({ status: "ok", version });
});

const server = app.listen(process.env.PORT ?? 3000, process.env.HOST, () => {
  console.log(`guestbook ${version} listens on port ${server.address().port}`);
});

process.on("SIGTERM", () => server.close());
