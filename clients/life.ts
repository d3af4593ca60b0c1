// The life of an item, through openapi-fetch and the types that
// openapi-typescript has made of the document that the service serves. See run.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi.js";

const { API_URL: baseUrl, API_KEY: key } = process.env;
assert(baseUrl, "API_URL is not set: run make test-clients");
const api = createClient<paths>({ baseUrl, headers: key ? { Authorization: `Bearer ${key}` } : {} });

const duration = 12345.678901;
const body: components["schemas"]["NewItem"] = { title: "Interview", audio_url: "https://example.com/a.wav", language: "it" };

async function create() {
  const { data, response } = await api.POST("/items", { body });
  assert.equal(response.status, 201);
  assert(data);
  const tag = response.headers.get("ETag");
  assert(tag);
  return { id: data.id, tag, status: data.status satisfies components["schemas"]["ItemStatus"] };
}

async function life() {
  const { id, tag, status } = await create();
  assert.equal(status, "pending");
  const path = { id };
  const got = await api.GET("/items/{id}", { params: { path } });
  assert.equal(got.data?.title, "Interview");
  const same = await api.GET("/items/{id}", { params: { path, header: { "If-None-Match": tag } } });
  assert.equal(same.response.status, 304);
  const head = await api.HEAD("/items/{id}", { params: { path } });
  assert.equal(head.response.headers.get("ETag"), tag);

  const changed = await api.PATCH("/items/{id}", {
    params: { path, header: { "If-Match": tag } },
    body: { status: "processing", duration_seconds: duration, transcript: "Good morning." },
  });
  assert.equal(changed.data?.duration_seconds, duration);
  const cleared = await api.PATCH("/items/{id}", {
    params: { path },
    headers: { "Content-Type": "application/merge-patch+json" },
    body: { duration_seconds: null, transcript: null },
  });
  assert.equal(cleared.data?.duration_seconds, null);
  assert.equal(cleared.data.transcript, null);
  await refusals(id, tag);

  const gone = await api.DELETE("/items/{id}", { params: { path } });
  assert.equal(gone.response.status, 204);
  const missing = await api.GET("/items/{id}", { params: { path } });
  assert.equal(missing.error?.status, 404);
}

async function refusals(id: number, stale: string) {
  const path = { id };
  const move = await api.PATCH("/items/{id}", { params: { path }, body: { status: "pending" } });
  assert.equal(move.error?.status, 409);
  const old = await api.PATCH("/items/{id}", { params: { path, header: { "If-Match": stale } }, body: { title: "x" } });
  assert.equal(old.error?.status, 412);
  const broken = await api.PATCH("/items/{id}", { params: { path }, body: { title: "" } });
  assert.equal(broken.response.status, 422);
  assert.equal(broken.error?.errors?.[0]?.field, "title");
  const nobody = await api.HEAD("/items/{id}", { params: { path: { id: 2 ** 52 } } });
  assert.equal(nobody.response.status, 404);
}

async function pages() {
  const made = await Promise.all(Array.from({ length: 5 }, create));
  const seen = new Set<number>();
  for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
    const query: { limit: number; language: string; cursor?: string } = { limit: 2, language: "it", ...(cursor === null ? {} : { cursor }) };
    const { data }: { data?: components["schemas"]["ItemPage"] } = await api.GET("/items", { params: { query } });
    assert(data);
    data.items.forEach((item) => seen.add(item.id));
    cursor = data.next_cursor;
  }
  assert(made.every(({ id }) => seen.has(id)));
}

// With keys a caller without one is refused; the health is open to all.
async function access() {
  const stranger = createClient<paths>({ baseUrl: baseUrl as string });
  const list = await stranger.GET("/items");
  assert.equal(list.response.status, key ? 401 : 200);
  const health = await stranger.GET("/health/db");
  assert.equal(health.data?.status, "ok");
}

await Promise.all([life(), pages(), access()]);
console.log("ok  \topenapi-fetch");
