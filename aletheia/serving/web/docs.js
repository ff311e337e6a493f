// The reference of the interface: Swagger UI with the address of this page, and snippets for each route.
"use strict";
(() => {
  const address = new URL(".", location).href.replace(/\/$/, "");

  // A proxy may have named another address, or none: the one of this page is right.
  const here = (description) => {
    const named = description.servers[0].url;
    const replace = (text) => (named ? text.replaceAll(named, address) : text);
    for (const operations of Object.values(description.paths))
      for (const operation of Object.values(operations))
        for (const sample of operation["x-codeSamples"]) sample.source = replace(sample.source);
    return { ...description, servers: [{ url: address }] };
  };

  const snippets = ({ React }) => ({
    wrapComponents: {
      responses: (Responses, system) => (props) => {
        const found = system.specSelectors.specJson().getIn(["paths", props.path, props.method, "x-codeSamples"]);
        const made = found ? found.toJS() : [];
        const shown = made.map(({ lang, label, source }) =>
          React.createElement("details", { key: lang, className: `snippet ${lang}` },
            React.createElement("summary", null, label),
            React.createElement("pre", { tabIndex: 0, role: "region", "aria-label": `${label}: ${props.method} ${props.path}` },
              React.createElement("code", null, source)),
          ));
        return React.createElement("div", null,
          React.createElement("div", { className: "snippets" }, React.createElement("h4", null, "Snippets"), shown),
          React.createElement(Responses, props));
      },
    },
  });

  fetch("openapi.json").then((answer) => answer.json()).then((description) => {
    SwaggerUIBundle({
      spec: here(description),
      dom_id: "#docs",
      deepLinking: true,
      validatorUrl: null,
      persistAuthorization: false,
      defaultModelsExpandDepth: 0,
      plugins: [snippets],
    });
  });
})();
