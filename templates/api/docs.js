"use strict";
// Draws the documentation. Requests that are tried from it go with the session of whoever reads it.
const unsafe = (request) => !["GET", "HEAD", undefined].includes(request.method);

SwaggerUIBundle({
  url: "{{ schema_url|escapejs }}",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  requestInterceptor(request) {
    const own = new URL(request.url, document.baseURI).origin === location.origin;
    if (own && unsafe(request)) request.headers["{{ csrf_header_name|escapejs }}"] = "{{ csrf_token|escapejs }}";
    return request;
  },
});
