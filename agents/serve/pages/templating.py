"""Render templates (Jinja2) in a language. Everything that is not markup of our own is escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from agents.languages.translations import Language, texts_in
from agents.serve.pages.static_files import static


@cache
def environment(language: Language) -> Environment:
    """Return the templates in a language. A name that is undefined is an error."""
    templates = Environment(
        loader=PackageLoader("agents.serve.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    templates.install_gettext_translations(texts_in(language), newstyle=True)  # type: ignore[attr-defined]  # of the extension
    templates.policies["ext.i18n.trimmed"] = True
    templates.globals["static"] = static
    return templates


def render(language: Language, template: str, **values: Any) -> str:
    """Return a template with the values filled in."""
    return environment(language).get_template(template).render(**values)


def compile_all() -> None:
    """Compile every template in every language, so that the first reader does not wait for it."""
    for language in Language:
        templates = environment(language)
        for name in templates.list_templates(extensions=["html"]):
            templates.get_template(name)
