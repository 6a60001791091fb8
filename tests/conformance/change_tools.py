"""Changes the list of tools: rewrites the description of one in the served file, as an author would."""

import re
from pathlib import Path

path = Path("gantz.yaml")
text = path.read_text()
changed = re.sub(r"(description: Changed) (\d+)( times)", lambda m: f"{m[1]} {int(m[2]) + 1}{m[3]}", text)
assert changed != text
written = path.with_suffix(".new")
written.write_text(changed)
written.replace(path)
print("The list of tools is another one now.")
