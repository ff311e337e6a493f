from .contact_sheet import augmentation_sheet as augmentation_sheet
from .contact_sheet import face_sheet as face_sheet
from .contact_sheet import png as png
from .contact_sheet import rejected_sheet as rejected_sheet
from .contact_sheet import thumbnails as thumbnails
from .html import html_page as html_page
from .theme import styled as styled
