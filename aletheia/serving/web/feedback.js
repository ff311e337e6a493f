// The question under an answer: shows the form, sends what the reader says, and says what became of it.
(() => {
  "use strict";
  let answer = null; // id, kind and file of the answer that is shown
  let sent = ""; // id of the answer that was spoken about last

  const section = () => document.querySelector("[data-feedback]");
  const say = (text, isProblem = false) => {
    const state = section().querySelector(".state");
    state.textContent = text;
    state.classList.toggle("problem", isProblem);
  };

  addEventListener("aletheia:answer", (event) => {
    answer = event.detail;
    const place = section();
    if (!place) return;
    place.hidden = !answer;
    if (!answer || answer.id === sent) return;
    place.querySelector("form").hidden = false;
    place.querySelector("form").reset();
    say("");
    const consent = place.querySelector("[data-consent]");
    if (consent) consent.hidden = answer.kind !== "image" || !answer.file;
    const number = place.querySelector("[data-answer]");
    if (number) number.textContent = answer.id;
  });

  const missing = (form) => {
    if (!form.elements.label.value) return ["Say whether it is genuine or manipulated.", form.elements.label[0]];
    if (!form.elements.source.value) return ["Say how you know.", form.elements.source];
    return null;
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.closest("[data-feedback]")) return;
    event.preventDefault();
    const problem = missing(form);
    if (problem) {
      say(problem[0], true);
      problem[1].focus();
      return;
    }
    const { id, file } = answer;
    const said = { id, label: form.elements.label.value, source: form.elements.source.value, note: form.elements.note.value };
    const button = form.querySelector("button");
    button.disabled = true;
    say("Sending …");
    try {
      const response = await fetch("v1/feedback", { method: "POST", ...body(said, form.elements.consent?.checked && file) });
      const told = await response.json().catch(() => null); // a proxy before the service may not send JSON
      if (!response.ok) return say(told?.error?.message ?? "It could not be sent. Try again.", true);
      if (answer?.id !== id) return; // another file was handed in meanwhile
      sent = id;
      form.hidden = true;
      say(`Thank you. ${told.message}`);
      section().querySelector(".state").focus();
    } catch {
      say("It could not be sent. Is the service still running? Try again.", true);
    } finally {
      button.disabled = false;
    }
  });

  // JSON, or a form where the picture comes along, without its name.
  const body = (said, file) => {
    if (!file) return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(said) };
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...said, consent: "true" })) form.append(name, value);
    form.append("file", file, "file");
    return { body: form };
  };
})();
