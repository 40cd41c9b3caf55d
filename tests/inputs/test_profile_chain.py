"""Numbers taken from a profile that takes them from another, and so on."""

from pathlib import Path

from wafersim.inputs import profile_file
from wafersim.inputs.gpu_profile import GpuSoftwareProfile, SoftwareValues
from wafersim.inputs.profile_file import load_profile, read_profile

LINKS = 8


def test_a_chain_of_profiles_is_read_number_by_number(tmp_path: Path, monkeypatch) -> None:
    """Of eight profiles of 40 numbers each number is filled in eight times; to fill in all for each took 40 ** 8 steps."""
    before = "torchtitan"
    for link in range(LINKS):
        numbers = "".join(
            f'  {name}: {{like: {before}, source: "as before", date: "2026"}}\n' for name in SoftwareValues.model_fields
        )
        file = tmp_path / f"link{link}.yaml"
        file.write_text(f"name: link{link}\ntitle: a link\nkind: gpu-software\nvalues:\n{numbers}")
        before = str(file)
    filled = []
    monkeypatch.setattr(profile_file, "_filled", lambda *of, fill=profile_file._filled: filled.append(1) or fill(*of))
    found, first = read_profile(Path(before)), load_profile("torchtitan")
    assert isinstance(found, GpuSoftwareProfile) and isinstance(first, GpuSoftwareProfile)
    assert len(filled) < 20 * LINKS * len(SoftwareValues.model_fields)
    for name, number in found.values:
        assert number is None or number.value == getattr(first.values, name).value
