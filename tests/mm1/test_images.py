import io

import numpy as np
import pytest
from PIL import Image

from mm1.data.images import CorruptImage, decode


def encoded(image, kind="PNG", **more):
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = decode(encoded(Image.fromarray(NOISE)), 48)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, NOISE.transpose(2, 0, 1))


def test_an_image_is_decoded_once_for_each_resolution_and_nobody_can_change_it():
    data = encoded(Image.fromarray(NOISE))
    pixels = decode(data, 48)
    assert decode(bytes(bytearray(data)), 48) is pixels
    assert decode(data, 24).shape == (3, 24, 24)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 0


def test_fine_stripes_turn_grey_and_not_into_coarse_ones():
    stripes = np.zeros((96, 96, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = decode(encoded(Image.fromarray(stripes)), 16)
    assert pixels.shape == (3, 16, 16)
    assert np.abs(pixels[:, :, 2:-2].astype(int) - 127).max() <= 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new("RGB", (10, 20), "white").convert(mode)
    pixels = decode(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), 8)
    assert pixels.shape == (3, 8, 8)
    assert pixels.min() == 255


def test_a_large_jpeg_decoded_at_a_fraction_looks_the_same():
    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    photo = np.stack([np.tile(ramp, (480, 1))] * 3, axis=-1)
    pixels = decode(encoded(Image.fromarray(photo), "JPEG", quality=95), 32)
    expected = np.asarray(Image.fromarray(photo).resize((32, 32), Image.Resampling.BOX)).transpose(2, 0, 1)
    assert np.abs(pixels.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("data", [b"", b"not an image", encoded(Image.fromarray(NOISE))[:200]])
def test_damaged_bytes_raise_corrupt_image(data):
    with pytest.raises(CorruptImage, match=f"{len(data)} bytes"):
        decode(data, 48)
