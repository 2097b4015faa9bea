"""Templates of the pages: all of them compile, in every language, and what they show is escaped."""

import pytest

from agents.languages.translations import Language
from agents.serve.pages import templating


@pytest.mark.parametrize("language", Language)
def test_every_template_compiles(language: Language) -> None:
    templating.compile_all()
    templates = templating.environment(language)
    assert "frame.html" in templates.list_templates()
    assert templates.cache is not None
    assert len(templates.cache) == len(templates.list_templates(extensions=["html"]))


def test_values_are_escaped_also_in_translated_texts() -> None:
    template = templating.environment(Language.RU).from_string("{% trans day=value %}As of {{ day }}{% endtrans %}")
    assert "&lt;b&gt;" in template.render(value="<b>")
    unnamed = templating.environment(Language.EN).from_string("{{ missing }}")
    with pytest.raises(Exception, match="'missing' is undefined"):
        unnamed.render()
