"use strict";

// Swagger UI is dark or light by a class; the page is so by the reader's preference.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// A HEAD operation says nothing that its GET does not: it is shown to who asks, or
// comes by a link to one.
document.getElementById("heads").checked = /Head$/.test(location.hash);

// Addresses are relative, so that the page also works behind a path prefix.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "openapi.json",
  validatorUrl: null, // would ask a server on the internet
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
});
