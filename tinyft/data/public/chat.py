"""Conversations as ids, by the ChatML template that many models share.

    <|im_start|>role LF content <|im_end|> LF        for each message
    <|im_start|>assistant LF                         where the model should reply

A file's template is a program (Jinja). It is not run: it is compared with the forms that
are known, and another one is refused. Contents are encoded as plain text, so that no
message can end itself and begin another. Source: the chat_template of SmolLM2's and
Qwen2's tokenizer_config.json.
"""

import re

from tinyft.data.tokenizer import TokenizerError

START, END = "<|im_start|>", "<|im_end|>"
HEAD = "{% for message in messages %}"
SYSTEM = (  # what a conversation without a system message begins with
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\n",
    "<|im_end|>\\n' }}{% endif %}",
)
BODY = (
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% endif %}"
)
TEMPLATE = re.compile(
    re.escape(HEAD)
    + f"(?:{re.escape(SYSTEM[0])}(?P<system>[^'{{}}]*?){re.escape(SYSTEM[1])})?"
    + re.escape(BODY)
)


def chat_ids(tokenizer, messages, reply=True):
    """The ids of [{"role": "user", "content": "..."}, ...], a list.

    reply: end where the assistant's reply begins. The template's own system message comes
    first unless the conversation has one. Raises TokenizerError for a tokenizer whose
    template is another, and for messages without these two texts.
    """
    found = TEMPLATE.fullmatch((tokenizer.template or "").replace("\n", "\\n"))
    if found is None:
        raise TokenizerError(
            "chat: the model's chat template is not the ChatML that is known here "
            f"({tokenizer.template!r:.80}); join its pieces with encode(text) and "
            "special_id(name)"
        )
    turns = [_turn(message) for message in messages]
    if found["system"] is not None and turns and turns[0][0] != "system":
        turns.insert(0, ("system", found["system"].replace("\\n", "\n")))
    start, end = tokenizer.special_id(START), tokenizer.special_id(END)
    line, ids = tokenizer.encode("\n").tolist(), []
    for role, content in turns:
        ids += [start, *tokenizer.encode(f"{role}\n{content}").tolist(), end, *line]
    if reply:
        ids += [start, *tokenizer.encode("assistant\n").tolist()]
    return ids


def _turn(message):
    wanted = ("role", "content")
    if not isinstance(message, dict) or not all(
        isinstance(message.get(name), str) for name in wanted
    ):
        raise TokenizerError(
            'chat: a message is {"role": "user", "content": "..."}, got '
            f"{message!r:.80}"
        )
    return message["role"], message["content"]
